import { afterEach, expect, test } from 'vitest';
import {
	createRegistry,
	type TopicDefinition,
	type TopicRegistry
} from '../../src/lib/protocol/index.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import type { Queryable } from '../../src/lib/server/index.ts';
import { createPageReader } from '../../src/lib/server/delivery/page-reader.ts';
import { readHistoryPage } from '../../src/lib/server/log/history.ts';
import { PageSize } from '../../src/lib/server/log/page-size.ts';
import { dropSpentPartitions } from '../../src/lib/server/log/retention/partitions.ts';
import { trimLog } from '../../src/lib/server/log/retention/retention.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { TEST_TOPICS } from '../support/app-server.ts';
import { until } from '../support/until.ts';
import { queryable } from '../support/queryable.ts';

let scene: Scene;
const connections: SoleConnection[] = [];
afterEach(async () => {
	await Promise.all(connections.splice(0).map((connection) => connection.end()));
	await scene.close();
});

const keep = (retentions: Record<string, TopicDefinition['retention']>) =>
	createRegistry([
		Object.fromEntries(
			[...TEST_TOPICS].map(([topic, definition]) => [
				topic,
				{ ...definition, retention: retentions[topic] }
			])
		)
	]);

function connect(): SoleConnection {
	const connection = new SoleConnection(scene.database.url, { name: 'retention test' });
	connections.push(connection);
	return connection;
}

const trim = (retentions: Record<string, TopicDefinition['retention']>) =>
	trimNow(connect(), keep(retentions));

/** Trims when the lock is free: the server's own job runs at its start, and only one job works at a time. */
async function trimNow(connection: SoleConnection, registry: TopicRegistry): Promise<number> {
	const { deleted } = await until(
		async () => {
			const deleted = await trimLog(connection, registry);
			return deleted !== null && { deleted };
		},
		{ what: 'nobody else trims' }
	);
	return deleted;
}

const numbers = (count: number, from = 1) => Array.from({ length: count }, (_, i) => i + from);
const left = async (topic: string) =>
	(await scene.sql`select data from events where topic = ${topic} order by id`).map(
		(row) => row.data as number
	);

/** Starts a server whose window in memory does not contain the present events. */
async function laterServer() {
	await scene.server.stop();
	await scene.sql`insert into events (topic, data) select 'e', to_jsonb(i) from generate_series(1, 2100) i`;
	return scene.addServer();
}

test('the newest events of each user are kept, and of everyone’s as many', async () => {
	scene = await openScene();
	await scene.insert('a', ...numbers(10));
	for (const n of numbers(6, 101)) {
		await scene.sql`insert into events (topic, user_id, data) values ('a', ${scene.user.id}, ${n})`;
	}
	await scene.insert('b', 1);
	expect(await trim({ a: { lastPerUser: 4 } })).toBe(8);
	expect(await left('a')).toEqual([7, 8, 9, 10, 103, 104, 105, 106]);
	expect(await left('b')).toEqual([1]);
	// Continues from its last run, and does nothing when there is nothing to do.
	expect(await trim({ a: { lastPerUser: 4 } })).toBe(0);
	await scene.insert('a', 11);
	expect(await trim({ a: { lastPerUser: 4 } })).toBe(1);
});

test('events are kept for their time', async () => {
	scene = await openScene();
	await scene.insert('a', ...numbers(20));
	await scene.insert('b', 1);
	await scene.sql`update events set created_at = now() - interval '2 hours' where id <= 15`;
	expect(await trim({ a: { seconds: 3600 } })).toBe(15);
	expect(await left('a')).toEqual(numbers(5, 16));
	expect(await left('b')).toEqual([1]);
});

test('a partition of which nothing is needed any more is dropped whole', async () => {
	scene = await openScene();
	await scene.insert('a', ...numbers(5));
	await scene.sql`update events set created_at = now() - interval '2 hours'`;
	await scene.sql`select setval('events_id_seq', 5000000)`;
	await scene.insert('a', 6);
	await scene.insert('b', 1);
	await trim({ a: { seconds: 3600 } });
	expect(await scene.sql`select to_regclass('events_1') as first`).toEqual([{ first: null }]);
	expect(await left('a')).toEqual([6]);
	expect(await scene.sql`select horizon::int from topic_horizons where topic = 'a'`).toEqual([
		{ horizon: 5 }
	]);
});

test('a partition that another server drops first stops nobody', async () => {
	scene = await openScene();
	await scene.insert('a', ...numbers(5));
	await scene.sql`update events set created_at = now() - interval '2 hours'`;
	await scene.sql`select setval('events_id_seq', 5000000)`;
	await scene.insert('a', 6);
	const connection = connect();
	const [head] = await scene.sql<{ id: string }[]>`select max(id)::text as id from events`;
	let listed = false;
	const behind: Queryable = {
		query: async (text, parameters) => {
			if (listed) await scene.sql`drop table if exists events_1`;
			listed = true;
			return connection.query(text, parameters);
		}
	};
	const topics = [{ topic: 'a', seconds: 3600 }];
	expect(await dropSpentPartitions(behind, topics, BigInt(head!.id))).toBe(0);
	expect(await left('a')).toEqual([6]);
});

test('two processes do not trim at once', async () => {
	scene = await openScene();
	const holder = await scene.sql.reserve();
	await holder`select pg_advisory_lock(hashtextextended('logline.retention', 0))`;
	try {
		expect(await trimLog(connect(), keep({ a: { lastPerUser: 1 } }))).toBeNull();
	} finally {
		await holder`select pg_advisory_unlock(hashtextextended('logline.retention', 0))`;
		holder.release();
	}
	expect(await trim({ a: { lastPerUser: 1 } })).toBe(0);
});

test('who comes back after its history was trimmed is told, and gets what is left', async () => {
	scene = await openScene();
	await scene.insert('a', 1);
	await scene.insert('b', 1);
	const client = scene.open('topics=a&topics=b&client=x');
	await client.caughtUp();
	client.close();
	await scene.insert('a', ...numbers(9, 2));
	await scene.insert('b', 2);
	await trim({ a: { lastPerUser: 3 } });
	const server = await laterServer();
	const again = scene.open('topics=a&topics=b&client=x', {
		lastEventID: client.cursor,
		server
	});
	await again.caughtUp();
	expect(again.data('gap')).toEqual([{ topic: 'a', after: client.cursor, oldest: '9' }]);
	expect(again.data('a')).toEqual([8, 9, 10]);
	expect(again.data('b')).toEqual([2]);
	expect(again.received.findIndex((e) => e.event === 'gap')).toBeLessThan(
		again.received.findIndex((e) => e.event === 'a')
	);
});

test('who comes back after its history was trimmed is told by a server that has just started, too', async () => {
	scene = await openScene();
	await scene.insert('a', 1);
	const client = scene.open('topics=a&client=x');
	await client.caughtUp();
	client.close();
	await scene.insert('a', ...numbers(9, 2));
	await trim({ a: { lastPerUser: 3 } });
	await scene.server.stop();
	const server = await scene.addServer();
	const again = scene.open('topics=a&client=x', { lastEventID: client.cursor, server });
	await again.caughtUp();
	expect(again.data('gap')).toEqual([{ topic: 'a', after: client.cursor, oldest: '8' }]);
	expect(again.data('a')).toEqual([8, 9, 10]);
});

test('a topic that is new to a client has no gap: its history is what is kept', async () => {
	scene = await openScene();
	await scene.insert('a', ...numbers(10));
	await trim({ a: { lastPerUser: 3 } });
	const server = await laterServer();
	const client = scene.open('topics=a', { server });
	await client.caughtUp();
	expect(client.data('gap')).toEqual([]);
	expect(client.data('a')).toEqual([8, 9, 10]);
});

test('a topic that is new to a client has no gap, however much of it others have lost', async () => {
	scene = await openScene();
	const { id: userId } = scene.user;
	// All older events are the user's own, and they are more than a page.
	await scene.sql`
		insert into events (topic, user_id, data)
		select 'a', case when i <= 400 then ${userId}::text end, to_jsonb(i) from generate_series(1, 900) i`;
	await trim({ a: { lastPerUser: 400 } });
	const server = await laterServer();
	const client = scene.open('topics=a', { server });
	await client.caughtUp();
	expect(client.data('gap')).toEqual([]);
	expect(client.data('a')).toEqual([...numbers(400), ...numbers(400, 501)]);
});

test('a window that begins below what was trimmed has no gap', async () => {
	scene = await openScene();
	const { id: userId } = scene.user;
	await scene.sql`
		insert into events (topic, user_id, data)
		select 'recent', case when i <= 4 then ${userId}::text end, to_jsonb(i) from generate_series(1, 14) i`;
	await trim({ recent: { lastPerUser: 2 } });
	const server = await laterServer();
	const client = scene.open('topics=recent', { server });
	await client.caughtUp();
	expect(client.data('gap')).toEqual([]);
	expect(client.data('recent')).toEqual([4, 13, 14]);
});

test('a page that was rendered when the log was empty is told what it has missed for good', async () => {
	scene = await openScene();
	await scene.insert('a', ...numbers(10));
	await trim({ a: { lastPerUser: 3 } });
	const server = await laterServer();
	const client = scene.open('topics=a&client=page', { lastEventID: '0', server });
	await client.caughtUp();
	expect(client.data('gap')).toEqual([{ topic: 'a', after: '0', oldest: '8' }]);
	expect(client.data('a')).toEqual([8, 9, 10]);
});

test('a trim that runs while a page is being read cannot hide from who reads it', async () => {
	scene = await openScene();
	await scene.insert('a', ...numbers(10));
	const on = queryable(scene.sql);
	let statements = 0;
	const read = createPageReader(
		{
			query: async (text, parameters) => {
				if (++statements === 2) expect(await trim({ a: { lastPerUser: 3 } })).toBe(7);
				return on.query(text, parameters);
			}
		},
		scene.server.app.logger
	);
	const { events, horizons } = await read({
		userId: scene.user.id,
		starts: [{ topic: 'a', after: 0n }],
		to: 10n,
		size: new PageSize({ most: 100, bytes: 1_048_576 }),
		signal: new AbortController().signal
	});
	const missing = numbers(10).filter((n) => !events.some(({ id }) => id === BigInt(n)));
	expect(missing.filter((n) => BigInt(n) > (horizons.get('a') ?? 0n))).toEqual([]);
	expect(await left('a')).toEqual([8, 9, 10]);
});

test('at no moment of a trim is anything gone that its horizon does not tell of', async () => {
	scene = await openScene();
	await scene.insert('a', ...numbers(10));
	await scene.insert('b', ...numbers(10));
	await scene.sql`update events set created_at = now() - interval '2 hours' where id < 20`;
	let moments = 0;
	/** Checks after each statement. */
	class Watched extends SoleConnection {
		override async query<Row extends object>(text: string, parameters: (string | number | null)[]) {
			const rows = await super.query<Row>(text, parameters);
			const untold = await scene.sql`
				select i from generate_series(1, 20) i
				where not exists (select from events where id = i)
					and i > coalesce((select horizon from topic_horizons where topic = case when i <= 10 then 'a' else 'b' end), 0)`;
			expect(untold).toEqual([]);
			moments++;
			return rows;
		}
	}
	const connection = new Watched(scene.database.url, { name: 'retention test' });
	connections.push(connection);
	const retentions = keep({ a: { lastPerUser: 3 }, b: { seconds: 3600 } });
	expect(await trimNow(connection, retentions)).toBe(7 + 9);
	expect(moments).toBeGreaterThan(4);
});

test('history is paged from the newest, with private events among everyone’s', async () => {
	scene = await openScene();
	await scene.insert('a', ...numbers(5));
	await scene.sql`insert into events (topic, user_id, data) values ('a', ${scene.user.id}, '6')`;
	await scene.sql`insert into events (topic, user_id, data) values ('a', 'other', '7')`;
	const on = queryable(scene.sql);
	const { id: userId } = scene.user;
	const first = await readHistoryPage(on, { userId, topic: 'a', before: null, limit: 4 });
	expect(first.events.map((event) => event.json)).toEqual(['6', '5', '4', '3']);
	const before = BigInt(first.events[3]!.id);
	const second = await readHistoryPage(on, { userId, topic: 'a', before, limit: 4 });
	expect(second.events.map((event) => event.json)).toEqual(['2', '1']);
	expect(second.events[1]!.id).toBe(second.oldest);
});

test('what is declared for a pattern holds in each of its topics', async () => {
	scene = await openScene();
	await scene.insert('rooms/1/messages', 1, 2, 3);
	await scene.insert('rooms/2/messages', 4);
	await scene.insert('clubs/1/news', 5, 6);
	await trim({ 'rooms/[room]/messages': { lastPerUser: 2 }, 'clubs/[club]/news': { seconds: 0 } });
	expect(await left('rooms/1/messages')).toEqual([2, 3]);
	expect(await left('rooms/2/messages')).toEqual([4]);
	expect(await left('clubs/1/news')).toEqual([]);
	// A new topic of the pattern, later.
	await scene.insert('clubs/2/news', 7);
	await scene.insert('rooms/3/messages', 8, 9, 10);
	await trim({ 'rooms/[room]/messages': { lastPerUser: 2 }, 'clubs/[club]/news': { seconds: 0 } });
	expect(await left('clubs/2/news')).toEqual([]);
	expect(await left('rooms/3/messages')).toEqual([9, 10]);
});
