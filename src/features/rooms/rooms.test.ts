/** What members may do, on a database, and what the log shows them of it. */
import { createRegistry, type LoglineError, type Topic } from 'logline';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { User } from '$src/accounts/user.ts';
import { startApp, type App } from '$src/app/app.ts';
import { loadConfig } from '$src/app/config.ts';
import { openClient, type Sql } from '$src/app/driver-client.ts';
import { createTestDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { addUser } from '../../../tests/support/feature-app.ts';
import { until } from '../../../tests/support/until.ts';
import { readFirstState } from './first-state.server.ts';
import { MAX_MEMBERS, MAX_MESSAGE, MAX_ROOM_NAME, MAX_ROOMS } from './limits.ts';
import { noRooms, reduceRooms, topicOf, type RoomEvent, type RoomScope } from './reducer.ts';
import { createRoom, invite, leave, say } from './rooms.server.ts';
import { topics } from './topics.ts';

let database: TestDatabase;
let sql: Sql;
let app: App;
let ann: User;
let bob: User;
let n = 0;

beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 2, name: 'rooms test' });
	const config = loadConfig({ LOG_LEVEL: 'silent', DEMO: '0' });
	app = await startApp(config, database.url, createRegistry([topics]));
});
afterAll(async () => {
	await app.stop();
	await sql.end();
	await database.drop();
});
beforeEach(async () => {
	n++;
	ann = await addUser(app.database, `ann${n}`);
	bob = await addUser(app.database, `bob${n}`);
});

const open = (user = ann, name = 'Plans') => createRoom(app, user, { kind: 'rooms', name });
const confidential = () => createRoom(app, ann, { kind: 'vaults', name: 'Salaries' });

/** What the first state of a page shows of a room, as texts; null: nothing. */
async function shown(user: User, scope: RoomScope): Promise<string[] | null> {
	const first = await readFirstState(app, user, null);
	const start = { ...noRooms, rooms: first.rooms };
	const { rooms } = (first.events as RoomEvent[]).reduce(reduceRooms, start);
	const room = rooms.find((one) => one.scope === scope);
	return room?.lines.map(({ type, user: { name }, text }) => text || `${name} ${type}`) ?? null;
}
const shows = (user: User, scope: RoomScope, ...lines: string[]) =>
	until(async () => (await shown(user, scope))?.join() === lines.join(), {
		what: lines.join(', ')
	});
const refusal = (work: Promise<unknown>) =>
	work.then(
		() => 'accepted',
		(error: unknown) => {
			const { status, code, message } = error as LoglineError;
			return `${status} ${code}: ${message}`;
		}
	);

describe('a room', () => {
	test('that is open shows a new member everything, a confidential one what came after', async () => {
		const [room, vault] = [await open(), await confidential()];
		for (const scope of [room, vault]) {
			await say(app, ann, scope, 'before');
			await invite(app, ann, scope, bob.name.toUpperCase());
			await say(app, bob, scope, 'after');
		}
		const before = [`${ann.name} created`, 'before'];
		const after = [`${bob.name} joined`, 'after'];
		await shows(bob, room, ...before, ...after);
		await shows(bob, vault, ...after);
		await shows(ann, vault, ...before, ...after);
	});

	test('that is confidential shows a new member all that is said from the invitation on', async () => {
		for (let round = 0; round < 15; round++) {
			const vault = await confidential();
			await invite(app, ann, vault, bob.name);
			await say(app, ann, vault, 'welcome');
			await until(async () => (await shown(bob, vault))?.includes('welcome'), {
				what: `bob sees the welcome of round ${round}`
			});
		}
	});

	describe('is on the page, although its grant is on the way,', () => {
		/** Lets bob in, and reads his page while nothing enters the log. */
		const readEarly = (
			scope: RoomScope,
			meanwhile: (reading: Promise<unknown>) => Promise<unknown>
		) =>
			sql.begin(async (held) => {
				await held`select logline_lock()`;
				await sql`insert into room_members (kind, room_id, user_id) values ('rooms', ${scope.slice(6)}, ${bob.id})`;
				const reading = readFirstState(app, bob, scope);
				await meanwhile(reading);
				return { reading };
			});

		test('with its history, when the log notes it soon', async () => {
			const scope = await open();
			await readFirstState(app, bob, scope);
			const { reading } = await readEarly(scope, async () => {
				// Others' statements are answered meanwhile, so the page has begun to read.
				for (let n = 0; n < 50; n++) await sql`select ${n}`;
			});
			const { rooms, named } = await reading;
			expect(named).toEqual([topicOf(scope)]);
			expect(rooms).toEqual([{ scope, name: 'Plans', members: [ann.name, bob.name], lines: [] }]);
		});

		test('and the stream brings its history, when the log is behind', async () => {
			const scope = await open();
			const { reading } = await readEarly(scope, (reading) => reading);
			const { rooms, named } = await reading;
			expect(named).toEqual([]);
			expect(rooms.map((room) => room.scope)).toEqual([scope]);
		});
	});

	test('shows nothing to who has left it, and goes with its last member', async () => {
		const scope = await open();
		await invite(app, ann, scope, bob.name);
		await leave(app, bob, scope);
		expect(await shown(bob, scope)).toBe(null);
		const news = [`${ann.name} created`, `${bob.name} joined`, `${bob.name} left`];
		await shows(ann, scope, ...news);
		await say(app, ann, scope, 'bob is gone');
		await shows(ann, scope, ...news, 'bob is gone');
		await expect(app.logline.read(bob, [topicOf(scope) as Topic])).rejects.toMatchObject({
			code: 'forbidden_topic'
		});
		await leave(app, ann, scope);
		expect(await sql`select from rooms where name = 'Plans' and id = ${scope.slice(6)}`).toEqual(
			[]
		);
	});

	test('is made with its event and its member, or not at all', async () => {
		const broken = {
			database: app.database,
			logline: { ...app.logline, emit: () => Promise.reject(new Error('no')) }
		};
		await expect(createRoom(broken, ann, { kind: 'rooms', name: 'Never' })).rejects.toThrow('no');
		expect(await sql`select from rooms where name = 'Never'`).toEqual([]);
		expect(await sql`select from room_members where user_id = ${ann.id}`).toEqual([]);
	});

	test('loses a member whose account is deleted', async () => {
		const scope = await open();
		await invite(app, ann, scope, bob.name);
		await sql`delete from users where id = ${bob.id}`;
		expect(await sql`select from grants where user_id = ${bob.id}`).toEqual([]);
		const { rooms } = await readFirstState(app, ann, null);
		expect(rooms[0]!.members).toEqual([ann.name]);
	});
});

describe('who is not in a room', () => {
	test('cannot say, invite or leave, and learns nothing of the room', async () => {
		const scope = await open();
		const refused = '403 not_a_member: You are not in this room.';
		for (const room of [scope, 'rooms/none', 'orgs/1', '', "rooms/'", `rooms/${'x'.repeat(999)}`]) {
			expect(await refusal(say(app, bob, room, 'hello'))).toBe(refused);
			expect(await refusal(invite(app, bob, room, bob.name))).toBe(refused);
			expect(await refusal(leave(app, bob, room))).toBe(refused);
		}
		expect((await readFirstState(app, bob, scope)).rooms).toEqual([]);
	});
});

describe('bad input is refused with a reason', () => {
	test.each([
		['', 'Give the room a name.'],
		[' \u200b\n ', 'Give the room a name.'],
		['a\nb', 'The name of a room is one line.'],
		['a\0b', 'The name of a room is one line.'],
		['x'.repeat(MAX_ROOM_NAME + 1), 'The name of a room has at most 60 characters.']
	])('name of a room %j', async (name, why) => {
		expect(await refusal(open(ann, name))).toBe(`400 invalid_room: ${why}`);
	});

	test('kind of a room', async () => {
		for (const kind of ['', 'orgs', 'constructor']) {
			expect(await refusal(createRoom(app, ann, { kind, name: 'x' }))).toContain('400');
		}
	});

	test.each([
		['', 'invalid_message: Type a message.'],
		[' \n', 'invalid_message: Type a message.'],
		['x'.repeat(MAX_MESSAGE + 1), 'invalid_message: A message has at most 2000 characters.'],
		['a\0b', 'invalid_data']
	])('message', async (text, why) => {
		const scope = await open();
		expect(await refusal(say(app, ann, scope, text))).toContain(`400 ${why}`);
	});

	test('a new member', async () => {
		const scope = await open();
		const to = (name: string) => refusal(invite(app, ann, scope, name));
		expect(await to('')).toBe('400 unknown_user: Type a user name.');
		expect(await to('nobody')).toBe('400 unknown_user: There is no user “nobody”.');
		expect(await to('a\0b')).toContain('400 unknown_user');
		expect(await to(ann.name)).toBe(`400 already_there: ${ann.name} is in this room already.`);
	});
});

describe('limits hold', () => {
	test('for the rooms of a user, even for two at once', async () => {
		await sql`insert into rooms (kind, id, name) select 'rooms', ${`many${n}x`} || i, 'r' from generate_series(2, ${MAX_ROOMS}) i`;
		await sql`insert into room_members (kind, room_id, user_id)
			select 'rooms', ${`many${n}x`} || i, ${ann.id} from generate_series(2, ${MAX_ROOMS}) i`;
		const ends = await Promise.all([refusal(open()), refusal(open())]);
		expect(ends.sort()).toEqual([
			`400 too_many_rooms: ${ann.name} is in ${MAX_ROOMS} rooms: that is the limit.`,
			'accepted'
		]);
		const first = await readFirstState(app, ann, `rooms/many${n}x7`);
		expect(first.rooms).toHaveLength(MAX_ROOMS);
		expect(first.named).toHaveLength(20);
		expect(first.named).toContain(`rooms/many${n}x7/messages`);
	});

	test('for the members of a room', async () => {
		const scope = await open();
		await sql`insert into users (id, username, password_hash) select ${`m${n}-`} || i, ${`m${n}-`} || i, '' from generate_series(2, ${MAX_MEMBERS}) i`;
		await sql`insert into room_members (kind, room_id, user_id)
			select 'rooms', ${scope.slice(6)}, ${`m${n}-`} || i from generate_series(2, ${MAX_MEMBERS}) i`;
		expect(await refusal(invite(app, ann, scope, bob.name))).toBe(
			`400 room_full: A room has at most ${MAX_MEMBERS} members.`
		);
	});
});
