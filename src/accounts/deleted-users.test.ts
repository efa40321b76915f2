/** Accounts that are deleted, and what goes with them. Real Postgres, and real streams on two servers. */
import { describe, expect, it } from 'vitest';
import { PASSWORD, startAuth } from '../../tests/auth/accounts.ts';
import { endsStreams, People } from '../../tests/auth/people.ts';
import { until } from '../../tests/support/until.ts';
import { deleteOldGuests } from './deleted-users.ts';

const people = People.forEachTest();

describe('deleting the account', () => {
	const left = async (id: string) =>
		people.scene.sql`
			select 'user' as what from users where id = ${id} union all
			select 'session' from sessions where user_id = ${id} union all
			select 'device' from devices where user_id = ${id} union all
			select 'grant' from grants where user_id = ${id} union all
			select 'marker' from read_markers where user_id = ${id} union all
			select 'event ' || topic from events where user_id = ${id}`;

	it('needs the password, ends every stream, and takes grants, markers and private events along; what was for everyone stays', async () => {
		const me = await people.signUp();
		const { logline } = people.scene.server.app;
		const second = await people.scene.addServer();
		await people.scene.insert('a', 'for everyone');
		await people.scene.sql`insert into events (topic, user_id, data)
			select 'b', ${me.user.id}, to_jsonb(n) from generate_series(1, 2500) n`;
		await logline.grant('rooms/1', me.user.id);
		await logline.markRead(me.user, 'a', '1');
		const streams = [await people.stream(me), await people.stream(me, second)];
		await expect(
			people.auth.deleteAccount(me, { password: 'wrong horse battery', confirmation: 'delete' })
		).rejects.toMatchObject({ code: 'wrong_password' });
		expect(streams.some((client) => client.ended)).toBe(false);
		await endsStreams(streams, () =>
			people.auth.deleteAccount(me, { password: PASSWORD, confirmation: '' })
		);
		await until(
			async () => (await left(me.user.id)).every(({ what }) => what === 'event $revoked'),
			{
				what: 'the private events are gone'
			}
		);
		expect(await people.scene.sql`select data from events where user_id is null`).toEqual([
			{ data: 'for everyone' }
		]);
		// The end of the grant may have come into the log behind it. It goes with the next look.
		await until(
			async () =>
				(await people.scene.sql`select from grant_history where until_id is null`).length === 0
		);
		await people.scene
			.sql`update deleted_users set deleted_at = deleted_at - interval '2 hours', checked_at = checked_at - interval '2 hours'`;
		const third = await people.scene.addServer();
		await until(async () => (await left(me.user.id)).length === 0, { what: 'nothing is left' });
		// Not before it has stopped: it would begin another look, and stop in it.
		await third.stop();
		await people.scene.sql`update deleted_users set checked_at = checked_at - interval '2 hours'`;
		await people.scene.addServer();
		await until(async () => (await people.scene.sql`select from deleted_users`).length === 0, {
			what: 'nobody is waited for'
		});
	});

	it('of a guest needs a typed word', async () => {
		const me = await people.guest();
		await expect(
			people.auth.deleteAccount(me, { password: '', confirmation: 'yes' })
		).rejects.toMatchObject({
			code: 'not_confirmed',
			problems: { confirmation: expect.any(String) as string }
		});
		await people.auth.deleteAccount(me, { password: '', confirmation: ' Delete ' });
		await until(async () => (await left(me.user.id)).length === 0, { what: 'nothing is left' });
	});

	it('is done by another server when the one that was asked dies right after', async () => {
		const me = await people.signUp();
		await people.scene
			.sql`insert into events (topic, user_id, data) values ('a', ${me.user.id}, '1')`;
		// A server without the job.
		const { auth: dying } = startAuth(people.scene.server.app.database);
		await dying.deleteAccount(me, { password: PASSWORD, confirmation: '' });
		expect(await left(me.user.id)).not.toEqual([]);
		await people.scene.addServer();
		await until(async () => (await left(me.user.id)).length === 0, { what: 'nothing is left' });
	});
});

describe('a guest who can never come back', () => {
	it('is deleted after a day with the own events, and nobody else is', async () => {
		const { background } = people.scene.server.app.database;
		const [gone, young, active] = [
			await people.guest(),
			await people.guest(),
			await people.guest()
		];
		const ada = await people.signUp();
		await people.scene
			.sql`insert into events (topic, user_id, data) values ('a', ${gone.user.id}, '1')`;
		await people.scene
			.sql`update users set created_at = now() - interval '25 hours' where id <> ${young.user.id}`;
		await people.scene.sql`delete from sessions where user_id <> ${active.user.id}`;
		expect(await deleteOldGuests(background)).toBe(1);
		const rows = await people.scene.sql<
			{ id: string }[]
		>`select id from users where username <> ${people.scene.user.name}`;
		expect(rows.map(({ id }) => id).sort()).toEqual(
			[young.user.id, active.user.id, ada.user.id].sort()
		);
		await people.scene.addServer();
		await until(
			async () =>
				(await people.scene.sql`select from events where user_id = ${gone.user.id}`).length === 0,
			{
				what: 'the events are gone'
			}
		);
	});
});
