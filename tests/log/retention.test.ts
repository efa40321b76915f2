import { afterEach, expect, test } from 'vitest';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import type { Queryable } from '../../src/lib/server/index.ts';
import { dropSpentPartitions } from '../../src/lib/server/log/retention/partitions.ts';
import { trimLog } from '../../src/lib/server/log/retention/retention.ts';
import { numbers } from '../support/numbers.ts';
import { keep, left, trim, trimOn } from '../support/retention.ts';
import { openScene, type Scene } from '../support/scene.ts';

let scene: Scene;
const connections: SoleConnection[] = [];
afterEach(async () => {
	await Promise.all(connections.splice(0).map((connection) => connection.end()));
	await scene.close();
});

function connect(): SoleConnection {
	const connection = new SoleConnection(scene.database.url, { name: 'retention test' });
	connections.push(connection);
	return connection;
}

test('the newest events of each user are kept, and of everyone’s as many', async () => {
	scene = await openScene();
	await scene.insert('a', ...numbers(10));
	for (const n of numbers(6, 101)) {
		await scene.sql`insert into events (topic, user_id, data) values ('a', ${scene.user.id}, ${n})`;
	}
	await scene.insert('b', 1);
	expect(await trim(scene.database.url, { a: { lastPerUser: 4 } })).toBe(8);
	expect(await left(scene.sql, 'a')).toEqual([7, 8, 9, 10, 103, 104, 105, 106]);
	expect(await left(scene.sql, 'b')).toEqual([1]);
	// Continues from its last run, and does nothing when there is nothing to do.
	expect(await trim(scene.database.url, { a: { lastPerUser: 4 } })).toBe(0);
	await scene.insert('a', 11);
	expect(await trim(scene.database.url, { a: { lastPerUser: 4 } })).toBe(1);
});

test('events are kept for their time', async () => {
	scene = await openScene();
	await scene.insert('a', ...numbers(20));
	await scene.insert('b', 1);
	await scene.sql`update events set created_at = now() - interval '2 hours' where id <= 15`;
	expect(await trim(scene.database.url, { a: { seconds: 3600 } })).toBe(15);
	expect(await left(scene.sql, 'a')).toEqual(numbers(5, 16));
	expect(await left(scene.sql, 'b')).toEqual([1]);
});

test('a partition of which nothing is needed any more is dropped whole', async () => {
	scene = await openScene();
	await scene.insert('a', ...numbers(5));
	await scene.sql`update events set created_at = now() - interval '2 hours'`;
	await scene.sql`select setval('events_id_seq', 5000000)`;
	await scene.insert('a', 6);
	await scene.insert('b', 1);
	await trim(scene.database.url, { a: { seconds: 3600 } });
	expect(await scene.sql`select to_regclass('events_1') as first`).toEqual([{ first: null }]);
	expect(await left(scene.sql, 'a')).toEqual([6]);
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
	expect(await left(scene.sql, 'a')).toEqual([6]);
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
	expect(await trim(scene.database.url, { a: { lastPerUser: 1 } })).toBe(0);
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
	expect(await trimOn(connection, retentions)).toBe(7 + 9);
	expect(moments).toBeGreaterThan(4);
});

test('what is declared for a pattern holds in each of its topics', async () => {
	scene = await openScene();
	await scene.insert('rooms/1/messages', 1, 2, 3);
	await scene.insert('rooms/2/messages', 4);
	await scene.insert('clubs/1/news', 5, 6);
	await trim(scene.database.url, {
		'rooms/[room]/messages': { lastPerUser: 2 },
		'clubs/[club]/news': { seconds: 0 }
	});
	expect(await left(scene.sql, 'rooms/1/messages')).toEqual([2, 3]);
	expect(await left(scene.sql, 'rooms/2/messages')).toEqual([4]);
	expect(await left(scene.sql, 'clubs/1/news')).toEqual([]);
	// A new topic of the pattern, later.
	await scene.insert('clubs/2/news', 7);
	await scene.insert('rooms/3/messages', 8, 9, 10);
	await trim(scene.database.url, {
		'rooms/[room]/messages': { lastPerUser: 2 },
		'clubs/[club]/news': { seconds: 0 }
	});
	expect(await left(scene.sql, 'clubs/2/news')).toEqual([]);
	expect(await left(scene.sql, 'rooms/3/messages')).toEqual([9, 10]);
});
