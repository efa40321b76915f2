/** What stays unread in a room is mailed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createRegistry } from 'logline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { User } from '$src/accounts/user.ts';
import { startApp, type App } from '$src/app/app.ts';
import { loadConfig } from '$src/app/config.ts';
import { openClient, type Sql } from '$src/app/driver-client.ts';
import { bundled } from '../../../tests/support/bundled-program.ts';
import { createTestDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { addUser } from '../../../tests/support/feature-app.ts';
import { until } from '../../../tests/support/until.ts';
import { mailDue, startRoomMail } from './mail.server.ts';
import { topicOf, type RoomScope } from './reducer.ts';
import { createRoom, invite, leave, say } from './rooms.server.ts';
import { readMailAfter } from './start.server.ts';
import { topics } from './topics.ts';

const PROCESS = 'src/features/rooms/mail-process.ts';

/** Nothing is due by itself. */
const LONG_MS = 3_600_000;

let database: TestDatabase;
let sql: Sql;
let app: App;
let ann: User;
let bob: User;
let room: RoomScope;
const running = new Set<ChildProcess>();

beforeEach(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 2, name: 'room mail test' });
	const config = loadConfig({ LOG_LEVEL: 'silent', DEMO: '0' });
	const start = (started: App) => startRoomMail(started, LONG_MS);
	app = await startApp(config, database.url, createRegistry([topics]), [start]);
	await until(async () => (await sql`select from consumers where topic <> '$begun'`).length === 3);
	ann = await addUser(app.database, 'ann');
	bob = await addUser(app.database, 'bob');
	room = await createRoom(app, ann, { kind: 'rooms', name: 'Plans' });
	await invite(app, ann, room, 'bob');
});
afterEach(async () => {
	for (const child of [...running]) await kill(child);
	await app.stop();
	await sql.end();
	await database.drop();
});

interface Mail {
	user: string;
	data: { scope: string; room: string; from: string; unread: number };
}
const mails = () => sql<Mail[]>`
	select user_id as "user", data from events where topic = 'room-mail' order by id`;

/** Says something, and returns when it is noted. */
async function hear(text: string, scope = room, author = ann): Promise<void> {
	await say(app, author, scope, text);
	const id = await newest(topicOf(scope));
	const isNoted = async () =>
		(await sql`select from room_mail_checks where event_id = ${id}`).length > 0;
	await until(isNoted, { what: `“${text}” is noted` });
}

/** The time passes: everything that was noted is due, and looked at. */
async function later(): Promise<Mail[]> {
	await sql`update room_mail_checks set due_at = now()`;
	while ((await mailDue(app.database.background)) > 0);
	app.logline.kickOutbox();
	await until(async () => (await sql`select from outbox`).length === 0);
	return [...(await mails())];
}
const newest = async (topic = topicOf(room)) =>
	(await sql`select max(id)::text as id from events where topic = ${topic}`)[0]!.id as string;

test('what stays unread in a room is mailed once, to the members who have not read it', async () => {
	await hear('one');
	await hear('two');
	const data = { scope: room, room: 'Plans', from: 'ann', unread: 2 };
	expect(await later()).toMatchObject([{ user: bob.id, data }]);
	expect(await sql`select from room_mail_checks`).toEqual([]);
});

test('more of the same is not mailed again, and what comes after reading is', async () => {
	await hear('one');
	expect(await later()).toHaveLength(1);
	await hear('two');
	await hear('three');
	expect(await later(), 'the same stretch').toHaveLength(1);
	await app.logline.markRead(bob, topicOf(room), await newest());
	expect(await later()).toHaveLength(1);
	await hear('four');
	const all = await later();
	expect(all).toHaveLength(2);
	expect(all[1]).toMatchObject({ user: bob.id, data: { unread: 1 } });
});

test('what a user has read on any device by then is not mailed, and the rest is', async () => {
	await hear('read');
	const read = await newest();
	await hear('not read');
	await app.logline.markRead(bob, topicOf(room), read);
	expect(await later()).toMatchObject([{ user: bob.id, data: { unread: 1 } }]);
	await app.logline.markRead(bob, topicOf(room), await newest());
	await hear('read, too');
	await app.logline.markRead(bob, topicOf(room), await newest());
	expect(await later()).toHaveLength(1);
});

test('who writes has read', async () => {
	await hear('a question');
	await hear('the answer', room, bob);
	expect(await later()).toMatchObject([{ user: ann.id, data: { from: 'bob', unread: 1 } }]);
});

test('who has lost the room by then is not mailed, nor for what was said before the return', async () => {
	await hear('for bob');
	await leave(app, bob, room);
	expect(await later()).toEqual([]);
	await hear('without bob');
	await invite(app, ann, room, 'bob');
	expect(await later()).toEqual([]);
	await hear('with bob');
	expect(await later()).toMatchObject([{ user: bob.id, data: { unread: 1 } }]);
});

test('a new member is not mailed for what was said before', async () => {
	await hear('old');
	const eve = await addUser(app.database, 'eve');
	await invite(app, ann, room, 'eve');
	expect(await later()).toMatchObject([{ user: bob.id }]);
	await hear('new');
	expect(await later()).toMatchObject([
		{ user: bob.id },
		{ user: eve.id, data: { from: 'ann', unread: 1 } }
	]);
});

test('a message that is noted again is not mailed again, because its key is known', async () => {
	await hear('one');
	expect(await later()).toHaveLength(1);
	await sql`insert into room_mail_checks (event_id, due_at) values (${await newest()}, now())`;
	expect(await later()).toHaveLength(1);
});

test('what any program may publish in a room harms nobody', async () => {
	const topic = topicOf(room);
	for (const data of ['{}', 'null', '"text"', '{"type": "message"}', '[1]']) {
		await sql`insert into events (topic, data) values (${topic}, ${data}::text::jsonb)`;
	}
	await hear('fine');
	expect(await later()).toMatchObject([{ user: bob.id, data: { unread: 1 } }]);
	expect(await sql`select from consumer_failures`).toEqual([]);
});

test('servers are killed with -9 again and again: every unread room is mailed once', async () => {
	await app.stop();
	const rooms = 25;
	const unread = await sql<{ scope: RoomScope }[]>`
		with made as (
			insert into rooms (kind, id, name) select 'vaults', 'v' || n, 'Room ' || n from generate_series(1, ${rooms}) n returning id
		), members as (
			insert into room_members (kind, room_id, user_id)
			select 'vaults', made.id, u.id from made, users u returning 1
		)
		select 'vaults/' || id as scope from made, (select count(*) from members) as all_members`;
	const program = await bundled(PROCESS);
	const start = () => {
		const child = spawn(process.execPath, [program, database.url], {
			stdio: ['ignore', 'ignore', 'inherit', 'ipc']
		});
		running.add(child);
		return child;
	};
	const speak = () => sql`
		insert into events (topic, data)
		select 'vaults/v' || n || '/messages', jsonb_build_object('type', 'message', 'room', 'Room ' || n, 'text', 'hi',
			'user', jsonb_build_object('id', ${ann.id}::text, 'name', 'ann'), 'timestamp', now())
		from generate_series(1, ${rooms}) n`;
	const mailed = async () => (await mails()).filter(({ data }) => data.scope !== room);
	// The first server gives the grants.
	const first = start();
	await once(first, 'message');
	await until(
		async () =>
			(await sql`select from grant_history where scope like 'vaults/%' and until_id is null`)
				.length ===
			2 * rooms
	);
	const state = async () => {
		const [row] = await sql<{ waits: number; behind: number }[]>`
			select (select count(*) from room_mail_checks)::int + (select count(*) from outbox)::int as waits,
				(select sum(events_behind) from logline_consumers where name like 'room mail%')::int as behind`;
		return row!;
	};
	let kills = 0;
	for (let round = 1; round <= 4; round++) {
		const before = (await mailed()).length;
		await speak();
		const child = round === 1 ? first : start();
		// At another moment each time: before it looks, in the middle of it, after some mails, or when it was quick, after all.
		if (round > 1) await once(child, 'message');
		await until(
			async () => {
				const { waits, behind } = await state();
				return (
					waits > 3 * round || (await mailed()).length > before || (waits === 0 && behind === 0)
				);
			},
			{ everyMs: 1 }
		);
		await kill(child);
		kills++;
	}
	expect(kills).toBe(4);
	start();
	start();
	const isOver = async () => {
		const { waits, behind } = await state();
		return waits === 0 && behind === 0 && (await mailed()).length >= rooms;
	};
	await until(isOver, { what: 'everything is mailed', timeoutMs: 30_000 });
	const scopes = (await mailed()).map(({ user, data }) => `${user} ${data.scope}`);
	expect(scopes.sort()).toEqual(unread.map(({ scope }) => `${bob.id} ${scope}`).sort());
});

test('the time is ten minutes, or what a test says', () => {
	expect(readMailAfter(undefined)).toBe(600_000);
	expect(readMailAfter('500')).toBe(500);
	for (const wrong of ['0', '-1', 'soon', '1e99'])
		expect(() => readMailAfter(wrong)).toThrow('LOGLINE_ROOM_MAIL_MS');
});

async function kill(child: ChildProcess): Promise<void> {
	running.delete(child);
	if (child.exitCode !== null || child.signalCode !== null) return;
	const gone = once(child, 'exit');
	child.kill('SIGKILL');
	await gone;
}
