import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { type Queryable } from '../../src/lib/server/index.ts';
import { READ_BY_INDEX } from '../../src/lib/server/database/read-by-index.ts';
import { readEdges } from '../../src/lib/server/log/horizons.ts';
import { PageSize } from '../../src/lib/server/log/page-size.ts';
import { readPage, readWindowStarts } from '../../src/lib/server/log/read.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import {
	buffers,
	expectFewPages,
	expectNoWaste,
	nodes,
	planOf,
	read,
	tell,
	type Plan
} from './plans.ts';

/** Number of events. With 10000000 it takes minutes and 3 GB; docs/decisions/008-replay-index.md has the figures. */
const GIVEN = process.env.LOGLINE_READ_PATH_EVENTS;
const EVENTS = Number(GIVEN ?? 60_000);
/** Rows of one INSERT. */
const BATCH = 100_000;
/** Where the second partition begins. Events are on both sides of it. */
const SECOND = 5_000_000;
const BEFORE = Math.max(0, SECOND - EVENTS / 2);
const HEAD = BigInt(BEFORE + EVENTS);
const USERS = 1000;
/** The rooms of a stream are among many others. */
const ROOMS = GIVEN ? 8192 : 1200;
const room = (i: number) => `r${i}`;

let database: TestDatabase;
let sql: Sql;

beforeAll(
	async () => {
		database = await createTestDatabase();
		sql = openClient(database.url, { max: 1, name: 'test read path', settings: READ_BY_INDEX });
		if (BEFORE > 0) await sql`select setval('events_id_seq', ${BEFORE})`;
		// A quarter is "busy" and for everyone, an eighth "mail" and private. Of the rooms' events, a fifth is for everyone.
		for (let from = 1; from <= EVENTS; from += BATCH) {
			await sql`
				insert into events (topic, user_id, data)
				select topic, case when topic = 'busy' or (topic <> 'mail' and h % 5 = 0) then null else (h / 5 % ${USERS}::int + 1)::text end,
					jsonb_build_object('n', i, 'text', repeat('x', 60))
				from (
					select i, hashint8(i) & 2147483647 as h,
						case when i % 4 = 0 then 'busy' when i % 8 = 1 then 'mail' else 'r' || (hashint8(i + 7) & 2147483647) % ${ROOMS}::int end as topic
					from generate_series(${from}::bigint, ${Math.min(EVENTS, from + BATCH - 1)}::bigint) as i
				) as numbered`;
		}
		await sql`vacuum analyze events`;
	},
	120_000 + EVENTS / 10
);

afterAll(async () => {
	await sql.end();
	await database.drop();
}, 120_000);

async function measured(what: string, ask: (on: Queryable) => Promise<unknown>): Promise<Plan> {
	const { plan, ms } = await planOf(sql, ask);
	if (GIVEN) tell(what, plan, ms);
	return plan;
}

const rooms = (count: number) => Array.from({ length: count }, (_, i) => room(i));
const from = (topics: readonly string[], after: bigint) =>
	topics.map((topic) => ({ topic, after }));
/** A cursor that is a few minutes old. */
const RECENT = HEAD - 20_000n;
const limit = 256;

test.each([
	['20 topics, a cursor that is a few minutes old', from(rooms(20), RECENT)],
	['500 topics, a cursor that is a few minutes old', from(rooms(500), RECENT)],
	['1,000 topics, a cursor that is a few minutes old', from(rooms(1000), RECENT)],
	['500 topics, from the beginning', from(rooms(500), 0n)],
	['500 topics of which one is new', [...from(rooms(499), RECENT), { topic: 'r700', after: 0n }]],
	['500 topics of which one is busy', from([...rooms(499), 'busy'], RECENT)],
	['500 topics of which one is busy, from the beginning', from([...rooms(499), 'busy'], 0n)]
])(
	'a page of %s costs no more than finding its topics, and a few pages of rows',
	async (what, starts) => {
		const size = new PageSize({ most: limit, bytes: 1_048_576 });
		const plan = await measured(what, (on) =>
			readPage(on, { userId: '8', starts, to: HEAD, size })
		);
		expect(plan['Actual Rows']).toBeGreaterThan(0);
		expectFewPages(plan, 2 * starts.length, limit);
	}
);

test('the first page of 500 topics where nothing has happened reads no rows', async () => {
	const starts = from(rooms(500), HEAD);
	const size = new PageSize({ most: limit, bytes: 1_048_576 });
	const plan = await measured('500 topics, nothing new', (on) =>
		readPage(on, { userId: '8', starts, to: HEAD, size })
	);
	expect(read(plan)).toBe(0);
	expect(buffers(plan)).toBeLessThan(10 * starts.length);
});

test('where the newest few events of 500 topics begin is found without looking at others', async () => {
	const topics = rooms(500).map((topic) => ({ topic, last: 5 }));
	const plan = await measured('the newest 5 of 500 topics', (on) =>
		readWindowStarts(on, { userId: '8', topics })
	);
	expectNoWaste(plan);
	// The merge of two audiences and two partitions knows the next row of each.
	expect(read(plan)).toBeLessThanOrEqual((6 + 4) * topics.length);
	expect(buffers(plan)).toBeLessThan(1.25 * read(plan) + 20 * topics.length);
});

test('the edges of 1,000 topics are found without looking at those of others', async () => {
	await sql`
		insert into topic_horizons (topic, audience, horizon)
		select 'r' || t, case when u = 0 then '' else u::text end, t + u
		from generate_series(0, 1999) as t, generate_series(0, 50) as u where t % 2 = 0`;
	await sql`vacuum analyze topic_horizons`;
	const query = { userId: '8', topics: rooms(1000) };
	const plan = await measured('the edges of 1,000 topics', (on) => readEdges(on, query));
	const scan = nodes(plan).find((node) => node['Relation Name'] === 'topic_horizons')!;
	expect(scan['Index Name']).toBe('topic_horizons_topic_audience_pk');
	expect(scan['Rows Removed by Filter'] ?? 0).toBe(0);
	expect(read(plan)).toBe(2 * 500);
	expect(plan['Actual Rows']).toBe(500);
});
