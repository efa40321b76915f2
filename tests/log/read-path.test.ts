import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openClient } from '../../src/app/driver-client.ts';
import { type Queryable } from '../../src/lib/server/index.ts';
import { READ_BY_INDEX } from '../../src/lib/server/database/read-by-index.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { readHistoryPage } from '../../src/lib/server/log/history.ts';
import {
	readAfter,
	readOldest,
	readPage,
	readWindowStart,
	readWindowStarts
} from '../../src/lib/server/log/read.ts';
import { createTestDatabase } from '../support/database.ts';
import {
	BEFORE,
	DROPPING_MS,
	EVENTS,
	from,
	GIVEN,
	HEAD,
	LIMIT,
	makeLongLog,
	MAKING_MS,
	page,
	type LongLog
} from './long-log.ts';
import {
	argumentsOf,
	buffers,
	expectFewPages,
	expectNoMoreThanSent,
	expectNoWaste,
	nodes,
	noting,
	read,
	rowsOf,
	scans,
	tell,
	type Plan,
	type Statement
} from './plans.ts';

const TOPICS = ['busy', 'mail', ...Array.from({ length: 18 }, (_, i) => `t${i}`)];

let log: LongLog;
beforeAll(async () => {
	log = await makeLongLog(
		`case when i % 2 = 0 then 'busy' when i / 2 % 19 = 18 then 'mail' else 't' || i / 2 % 19 end`
	);
	if (GIVEN) await tellSizes();
}, MAKING_MS);
afterAll(() => log.drop(), DROPPING_MS);

async function tellSizes(): Promise<void> {
	const [row] = await log.sql`
		select version(), pg_size_pretty(sum(pg_table_size(inhrelid))) as table,
			pg_size_pretty(sum(pg_indexes_size(inhrelid))) as indexes,
			(select string_agg(relname || ' ' || pg_size_pretty(pg_relation_size(oid)), ', ' order by relname)
				from pg_class where relname like 'events%idx' and relkind = 'i' and pg_relation_size(oid) > 100000) as replay,
			(select count(distinct tableoid) from events) as partitions
		from pg_inherits where inhparent = 'events'::regclass`;
	console.log(`${EVENTS} events:`, row);
}

/** About the events of a day while a client is away. */
const DAY = BigInt(Math.round(EVENTS / 100));

test('catching up from a day ago, with eight topics, costs no more than the rows that are sent', async () => {
	const topics = TOPICS.slice(0, 8);
	const query = { userId: '8', starts: from(topics, HEAD - DAY), to: HEAD, size: page() };
	const plan = await log.planOf('a day-old cursor, 8 topics', (on) => readPage(on, query));
	expect(plan['Actual Rows']).toBe(LIMIT);
	expectNoMoreThanSent(plan, 2 * topics.length);
});

test('catching up from a day ago, with twenty topics, costs a few pages of rows', async () => {
	const query = { userId: '8', starts: from(TOPICS, HEAD - DAY), to: HEAD, size: page() };
	const plan = await log.planOf('a day-old cursor, 20 topics', (on) => readPage(on, query));
	expect(plan['Actual Rows']).toBe(LIMIT);
	expectFewPages(plan, 2 * TOPICS.length, LIMIT);
});

test.each(['t7', 'mail', 'busy'])(
	'the first page of the new topic %s costs no more than the rows that are sent',
	async (added) => {
		const others = TOPICS.filter((topic) => topic !== added).slice(0, 7);
		const starts = [...from(others, HEAD - DAY), { topic: added, after: 0n }];
		const plan = await log.planOf(`the new topic ${added} beside 7`, (on) =>
			readPage(on, { userId: '8', starts, to: HEAD, size: page() })
		);
		expect(plan['Actual Rows']).toBe(LIMIT);
		expectNoMoreThanSent(plan, 2 * starts.length);
	}
);

test.each([
	['a client that has never been here', 0n],
	['a client that is far behind', BigInt(BEFORE + EVENTS / 2)]
])('a page for %s costs no more than the rows that are sent', async (who, after) => {
	const topics = ['busy', 't7', 'nobody'];
	const query = { userId: '8', starts: from(topics, after), to: HEAD, size: page() };
	const plan = await log.planOf(`${who}, 3 topics`, (on) => readPage(on, query));
	expect(plan['Actual Rows']).toBe(LIMIT);
	expectNoMoreThanSent(plan, 2 * topics.length);
});

test('a page for a client that is a little behind costs no more than what came in meanwhile', async () => {
	const topics = ['busy', 't7', 'nobody'];
	const query = { userId: '8', starts: from(topics, HEAD - 600n), to: HEAD, size: page() };
	const plan = await log.planOf('a little behind, 3 topics', (on) => readPage(on, query));
	expect(plan['Actual Rows']).toBe(LIMIT);
	// For so few ids, Postgres may also read all of them by the primary key.
	for (const scan of scans(plan)) {
		expect(rowsOf(scan) + (scan['Rows Removed by Filter'] ?? 0)).toBeLessThanOrEqual(600);
	}
	expect(buffers(plan)).toBeLessThan(400);
});

test('a user who has missed nothing costs no rows at all', async () => {
	const query = { userId: '4711', starts: from(['mail'], 0n), to: HEAD, size: page() };
	const plan = await log.planOf('mail for somebody who has none', (on) => readPage(on, query));
	expectNoWaste(plan);
	expect(read(plan)).toBe(0);
	expect(buffers(plan)).toBeLessThan(40);
});

test('where the newest few of a rare topic begin, and which is its oldest, is found without looking at others', async () => {
	const newest = { userId: '8', topic: 't7', last: 10 };
	const plan = await log.planOf('the newest 10 of t7', (on) => readWindowStart(on, newest));
	expectNoWaste(plan);
	expect(read(plan)).toBeLessThanOrEqual(2 * (11 + 1));
	const oldest = await log.planOf('the oldest of a topic without events', (on) =>
		readOldest(on, { userId: '8', topic: 'nobody' })
	);
	expectNoWaste(oldest);
	expect(read(oldest)).toBe(0);
});

test('a page of history, newest first, costs no more than the rows that are sent', async () => {
	const query = { userId: '8', topic: 'busy', before: BigInt(BEFORE + EVENTS / 2), limit: LIMIT };
	const plan = await log.planOf('history of busy', (on) => readHistoryPage(on, query));
	expect(plan['Actual Rows']).toBe(LIMIT);
	expectNoMoreThanSent(plan, 2);
});

/** Returns the cost on a large log of a statement that was run ten times on one connection while the log was small. */
async function costOfOldStatement(
	what: string,
	read: (on: Queryable) => Promise<unknown>
): Promise<Plan> {
	const small = await createTestDatabase();
	const writer = openClient(small.url, { max: 1, name: 'test writer' });
	const connection = new SoleConnection(small.url, { name: 'history', settings: READ_BY_INDEX });
	try {
		// No new statistics meanwhile, as on the day of an import or of a new partition.
		await writer.unsafe('alter table events_1 set (autovacuum_enabled = off)');
		const fill = (count: number) => writer`
			insert into events (topic, user_id, data)
			select case when i % 20 = 0 then 'busy' else 't1' end, case when i % 20 > 0 then (i % 1000 + 1)::text end, '{}'
			from generate_series(1, ${count}::int) as i`;
		await fill(50);
		await writer`analyze events`;
		const asked: Statement[] = [];
		for (let i = 0; i < 10; i++) await read(noting(connection, asked));
		await fill(60_000);
		const [row] = await connection.query<{ name: string }>(
			'select name from pg_prepared_statements where statement = $1',
			[asked[0]!.text]
		);
		const explain = `explain (analyze, buffers, timing off, format json) execute "${row!.name}"(${argumentsOf(asked[0]!)})`;
		const [answer] = await connection.query<{ 'QUERY PLAN': string | [{ Plan: Plan }] }>(
			explain,
			[]
		);
		const told = answer!['QUERY PLAN'];
		const [{ Plan: plan }] = typeof told === 'string' ? JSON.parse(told) : told;
		if (GIVEN) tell(what, plan, 0);
		return plan;
	} finally {
		await connection.end();
		await writer.end();
		await small.drop();
	}
}

describe('a statement that a connection has run since the log was small costs no more than its rows', () => {
	const hundreds = ['busy', 't1', ...Array.from({ length: 498 }, (_, i) => `none${i}`)];
	test.each<[string, (on: Queryable) => Promise<unknown>, ranges?: number]>([
		[
			'a page',
			(on) =>
				readPage(on, {
					userId: '8',
					starts: from(TOPICS.slice(0, 3), 50n),
					to: 99999n,
					size: page()
				})
		],
		[
			'a page of 500 topics',
			(on) => readPage(on, { userId: '8', starts: from(hundreds, 50n), to: 99999n, size: page() }),
			1000
		],
		['a page of the tail', (on) => readAfter(on, 50n, page())],
		[
			'the start of a window',
			(on) => readWindowStart(on, { userId: '8', topic: 'busy', last: 10 })
		],
		[
			'the start of the windows of 500 topics',
			(on) =>
				readWindowStarts(on, {
					userId: '8',
					topics: hundreds.map((topic) => ({ topic, last: 10 }))
				}),
			1000
		],
		['the oldest event', (on) => readOldest(on, { userId: '8', topic: 'busy' })],
		['history', (on) => readHistoryPage(on, { userId: '8', topic: 't1', before: null, limit: 50 })]
	])('%s', async (what, ask, ranges = 0) => {
		const plan = await costOfOldStatement(what, ask);
		for (const node of nodes(plan)) {
			if (node['Relation Name']) expect(node['Rows Removed by Filter'] ?? 0).toBe(0);
		}
		expect(read(plan)).toBeLessThanOrEqual(ranges > 0 ? 3 * LIMIT : LIMIT + 20);
		expect(buffers(plan)).toBeLessThan(1.25 * LIMIT + 100 + 10 * ranges);
	});
});
