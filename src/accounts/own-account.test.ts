/** What a user does with the own account. Real Postgres, and real streams on two servers. */
import { describe, expect, it } from 'vitest';
import { newBrowser, PASSWORD, startAuth } from '../../tests/auth/accounts.ts';
import { endsStreams, People, type Person } from '../../tests/auth/people.ts';
import { lockWaits } from '../../tests/support/lock-waits.ts';
import { until } from '../../tests/support/until.ts';
import type { Auth } from './auth.ts';
import { exportEvents } from './export-events.ts';
import { createPasswords } from './passwords.ts';

const people = People.forEachTest();

const NEXT = 'a whole new sentence';

describe('the sessions of a user', () => {
	it('are listed with device and times, the own one first, and nobody else’s', async () => {
		await people.signUp('grace');
		const first = await people.signUp();
		const second = await people.signIn();
		const account = await people.auth.readAccount(first);
		expect(account).toMatchObject({ guest: false, sessionCount: 2 });
		expect(account!.sessions.map(({ id, current }) => [id, current])).toEqual([
			[first.session, true],
			[second.session, false]
		]);
		expect(account!.sessions[0]).toMatchObject({
			userAgent: newBrowser().userAgent,
			createdAt: expect.any(Date) as Date,
			seenAt: expect.any(Date) as Date
		});
	});

	it('of which there are too many are counted, and the own one is in the list', async () => {
		const me = await people.signUp();
		await people.scene.sql`update sessions set seen_at = now() - interval '1 day'`;
		await people.scene.sql`insert into sessions (id, user_id, expires_at)
			select 'session ' || n, ${me.user.id}, now() + interval '1 day' from generate_series(1, 60) as n`;
		const account = await people.auth.readAccount(me);
		expect(account!.sessionCount).toBe(61);
		expect(account!.sessions).toHaveLength(50);
		expect(account!.sessions[0]!.current).toBe(true);
	});

	it('are seen at most once a minute, by pages and by streams, and by no write of the request', async () => {
		const me = await people.signUp();
		const seen = async () => {
			const [row] = await people.scene.sql<{ age: number; writes: string }[]>`
				select extract(epoch from now() - seen_at)::float8 as age, xmin::text as writes from sessions where id = ${me.session}`;
			return row!;
		};
		const token = me.cookie.split('=')[1]!;
		await people.auth.validate(token);
		await people.auth.writeLastSeen();
		const { writes } = await seen();
		await people.auth.validate(token);
		await people.auth.writeLastSeen();
		expect((await seen()).writes).toBe(writes);
		for (const use of [
			() => people.auth.validate(token),
			() => people.auth.findViewer(me.session)
		]) {
			await people.scene.sql`update sessions set seen_at = now() - interval '61 seconds'`;
			const before = await seen();
			await use();
			expect((await seen()).writes).toBe(before.writes);
			await people.auth.writeLastSeen();
			expect((await seen()).age).toBeLessThan(30);
		}
	});

	it('end one by one: its streams on two servers are told within a second, and the others go on', async () => {
		const me = await people.signUp();
		const other = await people.signIn();
		const second = await people.scene.addServer();
		const mine = await people.stream(me);
		const streams = [await people.stream(other), await people.stream(other, second)];
		const ms = await endsStreams(streams, () => people.auth.endSession(me.user, other.session));
		expect(ms).toBeLessThan(1000);
		expect(mine.ended).toBe(false);
		expect((await people.auth.readAccount(me))!.sessionCount).toBe(1);
		mine.close();
	});

	it('end all but the own one: their streams on two servers are told within a second', async () => {
		const me = await people.signUp();
		const others = [await people.signIn(), await people.signIn()];
		const second = await people.scene.addServer();
		const mine = [await people.stream(me), await people.stream(me, second)];
		const streams = [await people.stream(others[0]!), await people.stream(others[1]!, second)];
		const ms = await endsStreams(streams, () => people.auth.endOtherSessions(me.user, me.session));
		expect(ms).toBeLessThan(1000);
		for (const client of mine) {
			expect(client.ended).toBe(false);
			client.close();
		}
	});

	it('cannot be ended by anybody else', async () => {
		const me = await people.signUp();
		const eve = await people.signUp('eve');
		await people.auth.endSession(eve.user, me.session);
		await people.auth.endOtherSessions(eve.user, eve.session);
		expect((await people.auth.readAccount(me))!.sessionCount).toBe(1);
	});
});

describe('changing the password', () => {
	it('needs the present one, ends all other sessions with their streams, and keeps the own one', async () => {
		const me = await people.signUp();
		const other = await people.signIn();
		const streams = [await people.stream(other)];
		const mine = await people.stream(me);
		await expect(
			people.auth.changePassword(me, { current: 'wrong horse battery', password: NEXT })
		).rejects.toMatchObject({
			code: 'wrong_password',
			status: 400,
			problems: { current: expect.any(String) as string }
		});
		expect(streams[0]!.ended).toBe(false);
		await endsStreams(streams, () =>
			people.auth.changePassword(me, { current: PASSWORD, password: NEXT })
		);
		expect(mine.ended).toBe(false);
		mine.close();
		await expect(people.signIn()).rejects.toMatchObject({ code: 'wrong_credentials' });
		expect((await people.signIn('ada', NEXT)).user).toEqual(me.user);
	});

	it('holds the new one against the rules, before a guess is counted', async () => {
		const me = await people.signUp();
		for (let n = 0; n < 20; n++) {
			await expect(
				people.auth.changePassword(me, { current: 'wrong horse battery', password: 'short' })
			).rejects.toMatchObject({ problems: { password: 'A password has at least 8 characters.' } });
		}
		await expect(
			people.auth.changePassword(me, { current: '', password: NEXT })
		).rejects.toMatchObject({
			problems: { current: 'Enter your password.' }
		});
		await people.auth.changePassword(me, { current: PASSWORD, password: NEXT });
	});

	it('is no way around the throttle: guesses count as those of a sign-in', async () => {
		const me = await people.signUp();
		const guess = () =>
			people.auth.changePassword(me, { current: 'wrong horse battery', password: NEXT });
		for (let n = 0; n < 5; n++) {
			await expect(guess()).rejects.toMatchObject({ code: 'wrong_password' });
		}
		await expect(guess()).rejects.toMatchObject({ code: 'too_many_attempts', status: 429 });
		await expect(
			people.auth.changePassword(me, { current: PASSWORD, password: NEXT })
		).rejects.toMatchObject({ code: 'too_many_attempts' });
		await expect(
			people.auth.deleteAccount(me, { password: PASSWORD, confirmation: '' })
		).rejects.toMatchObject({ code: 'too_many_attempts' });
	});

	it('leaves no session to a sign-in with the old password that overtakes it', async () => {
		await people.signUp();
		const { database } = people.scene.server.app;
		const overtaken = startAuth(database, {
			passwords: {
				...createPasswords(),
				// The password is right, and is changed before the session is made.
				verify: async () => {
					await people.scene.sql`update users set password_hash = 'another' where username = 'ada'`;
					return true;
				}
			}
		}).auth;
		await expect(
			overtaken.signIn({ username: 'ada', password: PASSWORD }, newBrowser())
		).rejects.toMatchObject({ code: 'wrong_credentials' });
		expect(
			await people.scene
				.sql`select from sessions join users on users.id = user_id where username = 'ada'`
		).toHaveLength(1);
	});

	const overtakenBy = (happens: () => Promise<unknown>) =>
		startAuth(people.scene.server.app.database, {
			passwords: {
				...createPasswords(),
				// The password is right when it is compared.
				verify: async () => {
					await happens();
					return true;
				}
			}
		}).auth;

	const twoWays: [string, (auth: Auth, me: Person) => Promise<void>][] = [
		['a change', (auth, me) => auth.changePassword(me, { current: PASSWORD, password: NEXT })],
		['a deletion', (auth, me) => auth.deleteAccount(me, { password: PASSWORD, confirmation: '' })]
	];

	it.each(twoWays)('%s that another change has overtaken does nothing', async (_what, act) => {
		const me = await people.signUp();
		const other = await people.signIn();
		const { sql } = people.scene;
		const auth = overtakenBy(
			() => sql`update users set password_hash = 'another' where username = 'ada'`
		);
		await expect(act(auth, me)).rejects.toMatchObject({ code: 'account_changed' });
		expect(await sql`select password_hash from users where username = 'ada'`).toEqual([
			{ password_hash: 'another' }
		]);
		expect((await people.auth.readAccount(other))!.sessionCount).toBe(2);
	});

	it.each(twoWays)('%s that takes longer than its session does nothing', async (_what, act) => {
		const me = await people.signUp();
		const { sql } = people.scene;
		const before = await sql`select password_hash from users where username = 'ada'`;
		const auth = overtakenBy(() => people.auth.endSession(me.user, me.session));
		await expect(act(auth, me)).rejects.toMatchObject({ code: 'account_changed' });
		expect(await sql`select password_hash from users where username = 'ada'`).toEqual(before);
	});
});

const waits: [string, (me: Person) => Promise<void>][] = [
	[
		'a change of the password',
		(me) => people.auth.changePassword(me, { current: PASSWORD, password: NEXT })
	],
	['a deletion', (me) => people.auth.deleteAccount(me, { password: PASSWORD, confirmation: '' })]
];

it.each(waits)(
	'%s that waits for the user’s row until its session has ended does nothing',
	async (_what, act) => {
		const me = await people.signUp();
		const { sql } = people.scene;
		const before = await sql`select * from users where id = ${me.user.id}`;
		const acted = await sql.begin(async (held) => {
			await held`select from users where id = ${me.user.id} for update`;
			const code = act(me).catch((error: unknown) => (error as { code: unknown }).code);
			await until(() => lockWaits(sql), { what: 'it waits' });
			await people.auth.endSession(me.user, me.session);
			return { code };
		});
		expect(await acted.code).toBe('account_changed');
		expect(await sql`select * from users where id = ${me.user.id}`).toEqual(before);
	}
);

it('an export that nobody reads does not hold up those of another session, and none after its end', async () => {
	const me = await people.signUp();
	const other = await people.signIn();
	const { auth, logline } = people.scene.server.app;
	const start = (who: Person) => exportEvents({ auth, logline }, who, () => {});
	const open = [start(me), start(me)];
	expect(() => start(me)).toThrow('downloaded already');
	open.push(start(other));
	const others = Array.from({ length: 9 }, (_, n) => ({ ...me, session: `another ${n}` }));
	expect(() => others.forEach((one) => open.push(start(one)))).toThrow('downloaded already');
	expect(open, 'of one user, whatever the sessions').toHaveLength(8);
	await Promise.all(open.map((stream) => stream.cancel()));
	await start(me).cancel();
});
