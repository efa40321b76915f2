/** What a user does with the own account. Real Postgres, and real streams on two servers. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newBrowser, PASSWORD, startAuth } from '../../tests/auth/accounts.ts';
import { createSession } from '../../tests/support/app-server.ts';
import { openScene, type Scene } from '../../tests/support/scene.ts';
import { StreamClient } from '../../tests/support/stream-client.ts';
import { until } from '../../tests/support/until.ts';
import type { Auth } from './auth.ts';
import { deleteOldGuests } from './deleted-users.ts';
import type { Asking } from './own-account.ts';
import { createPasswords } from './passwords.ts';

let scene: Scene;
let auth: Auth;
beforeEach(async () => {
	scene = await openScene({ loginAttemptsPerMinute: 5 });
	({ auth } = scene.server.app);
});
afterEach(() => scene.close());

const NEXT = 'a whole new sentence';

/** Signs up, and returns who asks with that session. */
async function signUp(username = 'ada'): Promise<Asking & { cookie: string }> {
	const { user, token, deviceToken } = await auth.signUp(
		{ username, password: PASSWORD },
		newBrowser()
	);
	return askingOf(user, token, deviceToken);
}

async function signIn(username = 'ada', password = PASSWORD) {
	const { user, token, deviceToken } = await auth.signIn({ username, password }, newBrowser());
	return askingOf(user, token, deviceToken);
}

async function guest() {
	const { user, token, deviceToken } = await auth.startAsGuest(newBrowser());
	return askingOf(user, token, deviceToken);
}

function askingOf(user: Asking['user'], token: string, deviceToken: string) {
	const browser = newBrowser({ deviceToken, sessionToken: token });
	return { user, session: auth.hashToken(token), browser, cookie: `auth_session=${token}` };
}

/** Opens a live stream of a session. */
async function stream(asking: { cookie: string }, server = scene.server): Promise<StreamClient> {
	const client = new StreamClient(
		server.stream(`topics=a&client=${randomUUID().slice(0, 8)}`),
		asking
	);
	await client.caughtUp();
	return client;
}

/** Does something that must end streams, and returns how long the last of them took in milliseconds. */
async function endsStreams(streams: StreamClient[], act: () => Promise<void>): Promise<number> {
	const begun = performance.now();
	await act();
	await until(() => streams.every((client) => client.ended), { what: 'the streams have ended' });
	for (const client of streams) expect(client.of('signed-out')).toHaveLength(1);
	return performance.now() - begun;
}

describe('the sessions of a user', () => {
	it('are listed with device and times, the own one first, and nobody else’s', async () => {
		await signUp('grace');
		const first = await signUp();
		const second = await signIn();
		const account = await auth.readAccount(first);
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
		const me = await signUp();
		await scene.sql`update sessions set seen_at = now() - interval '1 day'`;
		for (let n = 0; n < 60; n++) await createSession(scene.database.url, me.user.id);
		const account = await auth.readAccount(me);
		expect(account!.sessionCount).toBe(61);
		expect(account!.sessions).toHaveLength(50);
		expect(account!.sessions[0]!.current).toBe(true);
	});

	it('are seen at most once a minute, by pages and by streams, and by no write of the request', async () => {
		const me = await signUp();
		const seen = async () => {
			const [row] = await scene.sql<{ age: number; writes: string }[]>`
				select extract(epoch from now() - seen_at)::float8 as age, xmin::text as writes from sessions where id = ${me.session}`;
			return row!;
		};
		const token = me.cookie.split('=')[1]!;
		await auth.validate(token);
		await auth.writeLastSeen();
		const { writes } = await seen();
		await auth.validate(token);
		await auth.writeLastSeen();
		expect((await seen()).writes).toBe(writes);
		for (const use of [() => auth.validate(token), () => auth.findViewer(me.session)]) {
			await scene.sql`update sessions set seen_at = now() - interval '61 seconds'`;
			const before = await seen();
			await use();
			expect((await seen()).writes).toBe(before.writes);
			await auth.writeLastSeen();
			expect((await seen()).age).toBeLessThan(30);
		}
	});

	it('end one by one: its streams on two servers are told within a second, and the others go on', async () => {
		const me = await signUp();
		const other = await signIn();
		const second = await scene.addServer();
		const mine = await stream(me);
		const streams = [await stream(other), await stream(other, second)];
		const ms = await endsStreams(streams, () => auth.endSession(me.user, other.session));
		expect(ms).toBeLessThan(1000);
		expect(mine.ended).toBe(false);
		expect((await auth.readAccount(me))!.sessionCount).toBe(1);
		mine.close();
	});

	it('end all but the own one: their streams on two servers are told within a second', async () => {
		const me = await signUp();
		const others = [await signIn(), await signIn()];
		const second = await scene.addServer();
		const mine = [await stream(me), await stream(me, second)];
		const streams = [await stream(others[0]!), await stream(others[1]!, second)];
		const ms = await endsStreams(streams, () => auth.endOtherSessions(me.user, me.session));
		expect(ms).toBeLessThan(1000);
		for (const client of mine) {
			expect(client.ended).toBe(false);
			client.close();
		}
	});

	it('cannot be ended by anybody else', async () => {
		const me = await signUp();
		const eve = await signUp('eve');
		await auth.endSession(eve.user, me.session);
		await auth.endOtherSessions(eve.user, eve.session);
		expect((await auth.readAccount(me))!.sessionCount).toBe(1);
	});
});

describe('changing the password', () => {
	it('needs the present one, ends all other sessions with their streams, and keeps the own one', async () => {
		const me = await signUp();
		const other = await signIn();
		const streams = [await stream(other)];
		const mine = await stream(me);
		await expect(
			auth.changePassword(me, { current: 'wrong horse battery', password: NEXT })
		).rejects.toMatchObject({
			code: 'wrong_password',
			status: 400,
			problems: { current: expect.any(String) as string }
		});
		expect(streams[0]!.ended).toBe(false);
		await endsStreams(streams, () =>
			auth.changePassword(me, { current: PASSWORD, password: NEXT })
		);
		expect(mine.ended).toBe(false);
		mine.close();
		await expect(signIn()).rejects.toMatchObject({ code: 'wrong_credentials' });
		expect((await signIn('ada', NEXT)).user).toEqual(me.user);
	});

	it('holds the new one against the rules, before a guess is counted', async () => {
		const me = await signUp();
		for (let n = 0; n < 20; n++) {
			await expect(
				auth.changePassword(me, { current: 'wrong horse battery', password: 'short' })
			).rejects.toMatchObject({ problems: { password: 'A password has at least 8 characters.' } });
		}
		await expect(auth.changePassword(me, { current: '', password: NEXT })).rejects.toMatchObject({
			problems: { current: 'Enter your password.' }
		});
		await auth.changePassword(me, { current: PASSWORD, password: NEXT });
	});

	it('is no way around the throttle: guesses count as those of a sign-in', async () => {
		const me = await signUp();
		const guess = () => auth.changePassword(me, { current: 'wrong horse battery', password: NEXT });
		for (let n = 0; n < 5; n++) {
			await expect(guess()).rejects.toMatchObject({ code: 'wrong_password' });
		}
		await expect(guess()).rejects.toMatchObject({ code: 'too_many_attempts', status: 429 });
		await expect(
			auth.changePassword(me, { current: PASSWORD, password: NEXT })
		).rejects.toMatchObject({ code: 'too_many_attempts' });
		await expect(
			auth.deleteAccount(me, { password: PASSWORD, confirmation: '' })
		).rejects.toMatchObject({ code: 'too_many_attempts' });
	});

	it('leaves no session to a sign-in with the old password that overtakes it', async () => {
		await signUp();
		const { database } = scene.server.app;
		const overtaken = startAuth(database, {
			passwords: {
				...createPasswords(),
				// The password is right, and is changed before the session is made.
				verify: async () => {
					await scene.sql`update users set password_hash = 'another' where username = 'ada'`;
					return true;
				}
			}
		}).auth;
		await expect(
			overtaken.signIn({ username: 'ada', password: PASSWORD }, newBrowser())
		).rejects.toMatchObject({ code: 'wrong_credentials' });
		expect(
			await scene.sql`select from sessions join users on users.id = user_id where username = 'ada'`
		).toHaveLength(1);
	});
});

describe('a guest', () => {
	it('gets a name that can be read aloud, a session, and no password', async () => {
		const me = await guest();
		expect(me.user.name).toMatch(/^guest-[a-z]+-[a-z]+-[0-9]{4}$/);
		expect(await auth.readAccount(me)).toMatchObject({ guest: true, sessionCount: 1 });
		for (const password of ['', 'null', PASSWORD]) {
			await expect(signIn(me.user.name, password)).rejects.toMatchObject({ status: 400 });
		}
		await expect(
			auth.changePassword(me, { current: PASSWORD, password: NEXT })
		).rejects.toMatchObject({ code: 'no_password' });
	});

	it('is counted like a sign-up, over all servers', async () => {
		const second = await scene.addServer();
		for (let n = 0; n < 30; n++) {
			await (n % 2 ? auth : second.app.auth).startAsGuest(newBrowser());
		}
		await expect(auth.startAsGuest(newBrowser())).rejects.toMatchObject({
			code: 'too_many_signups',
			status: 429
		});
		expect(await scene.sql`select from users where password_hash is null`).toHaveLength(30);
	});

	it('becomes an account that keeps its id, its events and its open streams', async () => {
		const me = await guest();
		await scene.sql`insert into events (topic, user_id, data) values ('a', ${me.user.id}, '1')`;
		const open = await stream(me);
		await auth.nameGuest(me, { username: 'Ada', password: PASSWORD });
		const { user } = await signIn();
		expect(user).toEqual({ id: me.user.id, name: 'Ada' });
		expect(open.ended).toBe(false);
		expect(open.data('a')).toEqual([1]);
		open.close();
		expect((await auth.findViewer(me.session))?.name).toBe('Ada');
		expect(await auth.readAccount(me)).toMatchObject({ guest: false, sessionCount: 2 });
	});

	it('cannot take a name that somebody has, nor a bad one, and an account cannot be named again', async () => {
		const ada = await signUp();
		const me = await guest();
		await expect(auth.nameGuest(me, { username: 'ADA', password: PASSWORD })).rejects.toMatchObject(
			{
				code: 'username_taken'
			}
		);
		await expect(auth.nameGuest(me, { username: 'x', password: 'y' })).rejects.toMatchObject({
			problems: { username: expect.any(String) as string, password: expect.any(String) as string }
		});
		await expect(
			auth.nameGuest(ada, { username: 'ada2', password: PASSWORD })
		).rejects.toMatchObject({ code: 'no_guest' });
		expect((await auth.readAccount(me))!.guest).toBe(true);
	});
});

describe('deleting the account', () => {
	const left = async (id: string) =>
		scene.sql`
			select 'user' as what from users where id = ${id} union all
			select 'session' from sessions where user_id = ${id} union all
			select 'device' from devices where user_id = ${id} union all
			select 'grant' from grants where user_id = ${id} union all
			select 'marker' from read_markers where user_id = ${id} union all
			select 'event ' || topic from events where user_id = ${id}`;

	it('needs the password, ends every stream, and takes grants, markers and private events along; what was for everyone stays', async () => {
		const me = await signUp();
		const { logline } = scene.server.app;
		const second = await scene.addServer();
		await scene.insert('a', 'for everyone');
		await scene.sql`insert into events (topic, user_id, data)
			select 'b', ${me.user.id}, to_jsonb(n) from generate_series(1, 2500) n`;
		await logline.grant('rooms/1', me.user.id);
		await logline.markRead(me.user, 'a', '1');
		const streams = [await stream(me), await stream(me, second)];
		await expect(
			auth.deleteAccount(me, { password: 'wrong horse battery', confirmation: 'delete' })
		).rejects.toMatchObject({ code: 'wrong_password' });
		expect(streams.some((client) => client.ended)).toBe(false);
		const ms = await endsStreams(streams, () =>
			auth.deleteAccount(me, { password: PASSWORD, confirmation: '' })
		);
		expect(ms).toBeLessThan(1500);
		await until(
			async () => (await left(me.user.id)).every(({ what }) => what === 'event $revoked'),
			{
				what: 'the private events are gone'
			}
		);
		expect(await scene.sql`select data from events where user_id is null`).toEqual([
			{ data: 'for everyone' }
		]);
		// The end of the grant may have come into the log behind it. It goes with the next look.
		await until(
			async () => (await scene.sql`select from grant_history where until_id is null`).length === 0
		);
		await scene.sql`update deleted_users set deleted_at = deleted_at - interval '2 hours', checked_at = checked_at - interval '2 hours'`;
		const third = await scene.addServer();
		await until(async () => (await left(me.user.id)).length === 0, { what: 'nothing is left' });
		await scene.sql`update deleted_users set checked_at = checked_at - interval '2 hours'`;
		await third.stop();
		await scene.addServer();
		await until(async () => (await scene.sql`select from deleted_users`).length === 0, {
			what: 'nobody is waited for'
		});
	});

	it('of a guest needs a typed word', async () => {
		const me = await guest();
		await expect(
			auth.deleteAccount(me, { password: '', confirmation: 'yes' })
		).rejects.toMatchObject({
			code: 'not_confirmed',
			problems: { confirmation: expect.any(String) as string }
		});
		await auth.deleteAccount(me, { password: '', confirmation: ' Delete ' });
		await until(async () => (await left(me.user.id)).length === 0, { what: 'nothing is left' });
	});

	it('is done by another server when the one that was asked dies right after', async () => {
		const me = await signUp();
		await scene.sql`insert into events (topic, user_id, data) values ('a', ${me.user.id}, '1')`;
		// A server without the job.
		const { auth: dying } = startAuth(scene.server.app.database);
		await dying.deleteAccount(me, { password: PASSWORD, confirmation: '' });
		expect(await left(me.user.id)).not.toEqual([]);
		await scene.addServer();
		await until(async () => (await left(me.user.id)).length === 0, { what: 'nothing is left' });
	});
});

describe('a guest who can never come back', () => {
	it('is deleted after a day with the own events, and nobody else is', async () => {
		const { background } = scene.server.app.database;
		const [gone, young, active] = [await guest(), await guest(), await guest()];
		const ada = await signUp();
		await scene.sql`insert into events (topic, user_id, data) values ('a', ${gone.user.id}, '1')`;
		await scene.sql`update users set created_at = now() - interval '25 hours' where id <> ${young.user.id}`;
		await scene.sql`delete from sessions where user_id <> ${active.user.id}`;
		expect(await deleteOldGuests(background)).toBe(1);
		const rows = await scene.sql<
			{ id: string }[]
		>`select id from users where username <> ${scene.user.name}`;
		expect(rows.map(({ id }) => id).sort()).toEqual(
			[young.user.id, active.user.id, ada.user.id].sort()
		);
		await scene.addServer();
		await until(
			async () =>
				(await scene.sql`select from events where user_id = ${gone.user.id}`).length === 0,
			{
				what: 'the events are gone'
			}
		);
	});
});
