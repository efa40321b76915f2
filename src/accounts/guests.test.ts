import { describe, expect, it } from 'vitest';
import { newBrowser, PASSWORD } from '../../tests/auth/accounts.ts';
import { People } from '../../tests/auth/people.ts';

const people = People.forEachTest();

const NEXT = 'a whole new sentence';

describe('a guest', () => {
	it('gets a name that can be read aloud, a session, and no password', async () => {
		const me = await people.guest();
		expect(me.user.name).toMatch(/^guest-[a-z]+-[a-z]+-[0-9]{4}$/);
		expect(await people.auth.readAccount(me)).toMatchObject({ guest: true, sessionCount: 1 });
		for (const password of ['', 'null', PASSWORD]) {
			await expect(people.signIn(me.user.name, password)).rejects.toMatchObject({ status: 400 });
		}
		await expect(
			people.auth.changePassword(me, { current: PASSWORD, password: NEXT })
		).rejects.toMatchObject({ code: 'no_password' });
	});

	it('is counted like a sign-up, over all servers', async () => {
		const second = await people.scene.addServer();
		for (let n = 0; n < 30; n++) {
			await (n % 2 ? people.auth : second.app.auth).startAsGuest(newBrowser());
		}
		await expect(people.auth.startAsGuest(newBrowser())).rejects.toMatchObject({
			code: 'too_many_signups',
			status: 429
		});
		expect(await people.scene.sql`select from users where password_hash is null`).toHaveLength(30);
	});

	it('becomes an account that keeps its id, its events and its open streams', async () => {
		const me = await people.guest();
		await people.scene
			.sql`insert into events (topic, user_id, data) values ('a', ${me.user.id}, '1')`;
		const open = await people.stream(me);
		await people.auth.nameGuest(me, { username: 'Ada', password: PASSWORD });
		const { user } = await people.signIn();
		expect(user).toEqual({ id: me.user.id, name: 'Ada' });
		expect(open.ended).toBe(false);
		expect(open.data('a')).toEqual([1]);
		open.close();
		expect((await people.auth.findViewer(me.session))?.name).toBe('Ada');
		expect(await people.auth.readAccount(me)).toMatchObject({ guest: false, sessionCount: 2 });
	});

	it('cannot take a name that somebody has, nor a bad one, and an account cannot be named again', async () => {
		const ada = await people.signUp();
		const me = await people.guest();
		await expect(
			people.auth.nameGuest(me, { username: 'ADA', password: PASSWORD })
		).rejects.toMatchObject({
			code: 'username_taken'
		});
		await expect(people.auth.nameGuest(me, { username: 'x', password: 'y' })).rejects.toMatchObject(
			{
				problems: { username: expect.any(String) as string, password: expect.any(String) as string }
			}
		);
		await expect(
			people.auth.nameGuest(ada, { username: 'ada2', password: PASSWORD })
		).rejects.toMatchObject({ code: 'no_guest' });
		expect((await people.auth.readAccount(me))!.guest).toBe(true);
	});
});
