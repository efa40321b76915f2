import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createSession, createUser, type AppServer, type TestUser } from '../support/app-server.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { startServer } from '../support/private-server.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';
import { migrate } from '../../drizzle/migrate.ts';
import { joins, leavers, sees, Visit } from './people.ts';
import { RoomServer } from './room-server.ts';

/** All tests share it. Each has a lobby and a room of its own, which nobody has been in before. */
let scene: Scene;
/** The scene's second server. */
let other: AppServer;
let ann: TestUser;
let bob: TestUser;
let cat: TestUser;
let dan: TestUser;
const visits: Visit[] = [];
const servers: RoomServer[] = [];
let count = 0;
/** Of the test that runs. A test that runs beside others takes it before it waits for anything. */
let lobby: string;
let room: string;

beforeAll(async () => {
	// The streams of all tests stay open until the end.
	scene = await openScene({ maxConnectionsPerUser: 100 });
	other = await scene.addServer();
	[ann, bob] = await people(scene.sql);
	cat = await createUser(scene.sql, 'cat');
	dan = await createUser(scene.sql, 'dan');
});
afterAll(async () => {
	for (const visit of visits) visit.close();
	for (const server of servers) await server.kill9();
	await scene.close();
});
beforeEach(nextPlaces);

function nextPlaces(): void {
	lobby = `lobbies/${++count}`;
	room = `rooms/${count}`;
}

const people = (sql: Scene['sql']) => Promise.all([createUser(sql, 'ann'), createUser(sql, 'bob')]);

function visit(at: { stream(query: string): string }, user: TestUser, scope = lobby, more = '') {
	const opened = new Visit(at, user, scope, more);
	visits.push(opened);
	return opened;
}

async function start(): Promise<RoomServer> {
	const server = await RoomServer.start(scene.database.url);
	servers.push(server);
	return server;
}

describe('who is in a room', () => {
	test('is known at once on every server, and who leaves is gone after three seconds', async () => {
		const first = visit(scene.server, ann);
		await sees(first, 'ann');
		const second = visit(other, bob, lobby, '&state={"status":"away"}');
		await sees(first, 'ann bob', 1000);
		await sees(second, 'ann bob', 1000);
		expect(first.users.find(({ name }) => name === 'bob')).toEqual({
			id: bob.id,
			name: 'bob',
			state: { status: 'away' }
		});
		const present = await scene.server.app.logline.presence(lobby);
		expect(present.map(({ name }) => name).sort()).toEqual(['ann', 'bob']);
		second.close();
		const closedAt = Date.now();
		await sees(first, 'ann', 5000);
		expect(Date.now() - closedAt).toBeGreaterThan(2800);
		expect(await scene.server.app.logline.presence(lobby)).toHaveLength(1);
	});

	test('does not change when a page is reloaded, on the same or on another server', async () => {
		const first = visit(scene.server, ann);
		let second = visit(scene.server, bob);
		await sees(first, 'ann bob');
		for (const server of [scene.server, other, scene.server, other]) {
			second.close();
			second = visit(server, bob);
			await sees(second, 'ann bob');
		}
		// Until every row that lingered is deleted.
		await until(async () => (await rowsOf(bob)) === 1, { what: 'one row is left' });
		const third = visit(scene.server, cat);
		await sees(third, 'ann bob cat');
		await sees(first, 'ann bob cat');
		expect(leavers(first)).toEqual([]);
		expect(joins(first, 'bob')).toBe(1);
	});

	test('is one person with two tabs, until the last one closes', async () => {
		const first = visit(scene.server, ann);
		const tabs = [visit(scene.server, bob), visit(scene.server, bob), visit(other, bob)];
		await sees(first, 'ann bob');
		for (const tab of tabs) await sees(tab, 'ann bob');
		tabs[0]!.close();
		tabs[2]!.close();
		await until(async () => (await rowsOf(bob)) === 1, { what: 'the other server has no row' });
		expect(first.names).toBe('ann bob');
		expect(joins(first, 'bob')).toBe(1);
		tabs[1]!.close();
		await sees(first, 'ann', 5000);
	});

	test('is told anew when somebody says something else about itself', async () => {
		const first = visit(scene.server, ann);
		visit(scene.server, bob);
		await sees(first, 'ann bob');
		visit(scene.server, bob, lobby, '&state={"status":"away"}');
		const away = () => first.users.find(({ id }) => id === bob.id)?.state.status === 'away';
		await until(away, { what: 'bob is away' });
	});
});

describe('with grants', () => {
	const grant = (user: TestUser) => scene.server.app.logline.grant(room, user.id);
	const revoke = (user: TestUser) => scene.server.app.logline.revoke(room, user.id);

	test('a revoke removes the user at once, everywhere, and shows the user nothing more', async () => {
		await grant(ann);
		await grant(bob);
		const first = visit(scene.server, ann, room);
		const second = visit(other, bob, room);
		await sees(first, 'ann bob');
		await sees(second, 'ann bob');
		await revoke(bob);
		await sees(first, 'ann', 1500);
		await until(() => second.client.of('denied').length === 1, { what: 'bob is told' });
		expect(second.client.data('denied')).toEqual([{ topic: room, reason: 'revoked' }]);
		const told = second.told.length;
		visit(scene.server, ann, room, '&state={"status":"away"}');
		await until(() => first.users[0]?.state.status === 'away', { what: 'ann is away' });
		expect(second.told).toHaveLength(told);
		await grant(bob);
		await sees(first, 'ann bob');
		await sees(second, 'ann bob');
	});

	test('a revoke removes also a user whose server has just died', async () => {
		const server = await start();
		await grant(ann);
		await grant(bob);
		const first = visit(scene.server, ann, room);
		visit(server, bob, room);
		await sees(first, 'ann bob');
		await server.kill9();
		await revoke(bob);
		await sees(first, 'ann', 1500);
	});

	test('nobody is present in a room without a grant, and the stream says so', async () => {
		const first = visit(scene.server, ann, room);
		await first.client.caughtUp();
		expect(first.client.data('denied')).toEqual([{ topic: room, reason: 'forbidden' }]);
		expect(first.told).toEqual([]);
		expect(await scene.server.app.logline.presence(room)).toEqual([]);
		await grant(ann);
		await sees(first, 'ann');
	});
});

describe('a server', () => {
	// These two wait for long, so they wait at the same time.
	test.concurrent(
		'that is killed takes its people along within ten seconds',
		async () => {
			nextPlaces();
			const here = lobby;
			const server = await start();
			const first = visit(scene.server, ann, here);
			visit(server, bob, here);
			await sees(first, 'ann bob');
			await server.kill9();
			await sees(first, 'ann', 10_000);
		},
		30_000
	);

	test.concurrent(
		'that stands still for 15 seconds loses its people, and has them again within ten',
		async () => {
			nextPlaces();
			const here = lobby;
			const server = await start();
			const first = visit(scene.server, ann, here);
			const second = visit(server, bob, here);
			await sees(first, 'ann bob');
			await sees(second, 'ann bob');
			server.suspend();
			const stopped = Date.now();
			await sees(first, 'ann', 10_000);
			// A new visitor, so that the list of the stopped server is out of date.
			visit(scene.server, cat, here);
			await until(() => Date.now() - stopped > 15_000, { what: 'the time', timeoutMs: 20_000 });
			server.resume();
			await sees(first, 'ann bob cat', 10_000);
			await sees(second, 'ann bob cat', 10_000);
		},
		60_000
	);

	test('that is told to end keeps its people present until they are on another one', async () => {
		const leaving = await scene.addServer();
		const first = visit(scene.server, ann);
		visit(leaving, bob);
		await sees(first, 'ann bob');
		await leaving.stop();
		// The first server reads its list now.
		visit(scene.server, cat);
		await until(() => first.names.includes('cat'), { what: 'it sees cat' });
		expect(first.names).toBe('ann bob cat');
		const again = visit(scene.server, bob);
		await sees(again, 'ann bob cat');
		await until(async () => (await rowsOf(bob)) === 1, { what: 'the old row is deleted' });
		expect(first.names).toBe('ann bob cat');
		expect(joins(first, 'bob')).toBe(1);
	}, 30_000);
});

describe('the tables', () => {
	test.each(['truncate presence', 'truncate presence_servers', 'delete from presence'])(
		'are written again after "%s"',
		async (statement) => {
			const first = visit(scene.server, ann);
			visit(other, bob);
			await sees(first, 'ann bob');
			await scene.sql.unsafe(statement);
			const rows = async () => (await rowsOf(ann)) + (await rowsOf(bob));
			await until(async () => (await rows()) === 2, { what: 'the rows are there again' });
			const third = visit(scene.server, cat);
			await sees(third, 'ann bob cat');
		}
	);

	test('that are empty make nobody leave whose server needs a moment to write its rows again', async () => {
		const server = await start();
		const first = visit(scene.server, ann);
		visit(server, bob);
		await sees(first, 'ann bob');
		server.suspend();
		// Not "truncate": it would wait for a server that stands still between two messages of a statement.
		await scene.sql`with people as (delete from presence) delete from presence_servers`;
		await until(async () => (await rowsOf(ann)) === 1, { what: 'one server is back' });
		// It has read its list since then: it knows of somebody new.
		visit(scene.server, cat);
		await sees(first, 'ann bob cat');
		server.resume();
		await until(async () => (await rowsOf(bob)) === 1, { what: 'the other one is back' });
		visit(scene.server, dan);
		await sees(first, 'ann bob cat dan');
		expect(leavers(first)).toEqual([]);
	}, 30_000);

	test('are empty after a crash of the database: everybody is present again within ten seconds', async () => {
		const database = await startServer({ fsync: 'off' }, { inMemory: true });
		try {
			await migrate(database.url);
			const own = await openScene({}, { url: database.url });
			try {
				const two = await own.addServer();
				const [ann, bob] = await people(own.sql);
				const first = visit(own.server, ann);
				const second = visit(two, bob);
				await sees(first, 'ann bob');
				await database.kill9();
				await database.start();
				const cat = await until(() => createUser(database.url, 'cat'), {
					what: 'the database is back'
				});
				const third = visit(own.server, cat);
				for (const each of [first, second, third]) await sees(each, 'ann bob cat', 10_000);
				expect(leavers(first)).toEqual([]);
			} finally {
				for (const one of visits.splice(0)) one.close();
				await own.close();
			}
		} finally {
			await database.remove();
		}
	}, 90_000);
});

describe('a request', () => {
	test.each([
		['a wildcard', 'presence=rooms/*', 'is not a scope'],
		['nothing', 'presence=', 'is not a scope'],
		[
			'too many',
			Array.from({ length: 51 }, (_, n) => `presence=lobbies/${n}`).join('&'),
			'At most 50'
		],
		['a state that is no JSON', 'presence=lobbies/1&state=x', 'JSON'],
		['a state that is no object', 'presence=lobbies/1&state=[]', 'object'],
		[
			'a state that nothing can keep',
			String.raw`presence=lobbies/1&state={"x":"\u0000"}`,
			'U+0000'
		],
		['a long state', `presence=lobbies/1&state={"x":"${'x'.repeat(1000)}"}`, '1000 octets']
	])('that asks for %s is refused with what to do', async (_, query, what) => {
		const client = new StreamClient(scene.server.stream(`topics=a&${query}`), {
			cookie: (await createSession(scene.sql, ann.id)).cookie
		});
		await until(() => client.ended, { what: 'the refusal' });
		expect(client.status).toBe(400);
		expect(client.body).toContain(what);
		expect(client.body).toContain('invalid_presence');
	});

	test('for a scope that no pattern has is told so, and the rest is served', async () => {
		const first = visit(scene.server, ann, 'clubs/1');
		await first.client.caughtUp();
		expect(first.client.data('denied')).toEqual([{ topic: 'clubs/1', reason: 'unknown' }]);
		await expect(scene.server.app.logline.presence('clubs/1')).rejects.toMatchObject({
			code: 'invalid_scope'
		});
	});
});

async function rowsOf(user: TestUser, scope = lobby): Promise<number> {
	const rows =
		await scene.sql`select from presence where user_id = ${user.id} and scope = ${scope}`;
	return rows.length;
}
