import { afterEach, beforeEach, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import type { Queryable } from '../../src/lib/server/index.ts';
import { READ_BY_INDEX } from '../../src/lib/server/database/read-by-index.ts';
import { readHistory, readHistoryPage } from '../../src/lib/server/log/history.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { queryable } from '../support/queryable.ts';

let database: TestDatabase;
let sql: Sql;
let on: Queryable;

beforeEach(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 1, name: 'test history', settings: READ_BY_INDEX });
	on = queryable(sql);
	// Ids 1 to 40: a and b take turns. Every fourth event of each is private.
	await sql`
		insert into events (topic, user_id, data)
		select case when i % 2 = 0 then 'a' else 'b' end, case when i % 8 < 2 then (i % 16 / 8)::text end, to_jsonb(i)
		from generate_series(1, 40) as i`;
});

afterEach(async () => {
	await sql.end();
	await database.drop();
});

test('history that begins at a grant has nothing from before it, and says by its oldest event where it ends', async () => {
	const query = { userId: '0', topic: 'a', limit: 4, after: 20n };
	const pages: string[][] = [];
	let before: bigint | null = null;
	for (;;) {
		const { events, oldest } = await readHistoryPage(on, { ...query, before });
		pages.push(events.map(({ id }) => id));
		expect(oldest).toBe('22');
		if (events.at(-1)?.id === oldest) break;
		before = BigInt(events.at(-1)!.id);
	}
	expect(pages).toEqual([
		['38', '36', '34', '32'],
		['30', '28', '26', '22']
	]);
	expect(await readHistoryPage(on, { ...query, after: 38n, before: null })).toEqual({
		events: [],
		oldest: null
	});
});

test('a first state begins, in each topic, where the topic begins for the viewer, or at its newest few events', async () => {
	const first = async (...topics: Parameters<typeof readHistory>[1]['topics']) => {
		const { events, cursor } = await readHistory(on, { userId: '0', topics });
		expect(cursor).toBe('40');
		return events.map(({ id }) => Number(id));
	};
	expect(await first({ topic: 'a', after: 30n })).toEqual([32, 34, 36, 38]);
	expect(await first({ topic: 'a', after: 30n, last: 2 })).toEqual([36, 38]);
	expect(await first({ topic: 'a', after: 36n, last: 3 })).toEqual([38]);
	expect(await first({ topic: 'a', last: 2 }, { topic: 'b', after: 35n })).toEqual([
		36, 37, 38, 39
	]);
	expect(await first({ topic: 'a', after: 40n }, { topic: 'none', last: 1 })).toEqual([]);
});

test('a first state of hundreds of topics has the newest few events of each, and its cursor is the head', async () => {
	await sql`
		insert into events (topic, data)
		select 'room' || i % 300, to_jsonb(repeat('x', 500)) from generate_series(1, 3000) as i`;
	const topics = Array.from({ length: 300 }, (_, i) => ({ topic: `room${i}`, last: 3 }));
	const { events, cursor } = await readHistory(on, { userId: '0', topics });
	expect(cursor).toBe('3040');
	expect(events.map(({ id }) => Number(id))).toEqual(
		Array.from({ length: 900 }, (_, i) => 2141 + i)
	);
});

test('history is paged from the newest, with private events among everyone’s', async () => {
	await sql`insert into events (topic, data) select 'c', to_jsonb(i) from generate_series(1, 5) as i`;
	await sql`insert into events (topic, user_id, data) values ('c', 'me', '6')`;
	await sql`insert into events (topic, user_id, data) values ('c', 'other', '7')`;
	const query = { userId: 'me', topic: 'c', limit: 4 };
	const first = await readHistoryPage(on, { ...query, before: null });
	expect(first.events.map((event) => event.json)).toEqual(['6', '5', '4', '3']);
	const before = BigInt(first.events[3]!.id);
	const second = await readHistoryPage(on, { ...query, before });
	expect(second.events.map((event) => event.json)).toEqual(['2', '1']);
	expect(second.events[1]!.id).toBe(second.oldest);
});
