/** As read-path.test.ts, for streams of hundreds of topics. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readEdges } from '../../src/lib/server/log/horizons.ts';
import { readPage, readWindowStarts } from '../../src/lib/server/log/read.ts';
import {
	DROPPING_MS,
	from,
	GIVEN,
	HEAD,
	LIMIT,
	makeLongLog,
	MAKING_MS,
	page,
	type LongLog
} from './long-log.ts';
import { buffers, expectFewPages, expectNoWaste, nodes, read } from './plans.ts';

/** The rooms of a stream are among many others. */
const ROOMS = GIVEN ? 8192 : 1200;
const room = (i: number) => `r${i}`;

let log: LongLog;
beforeAll(async () => {
	// A quarter is "busy", an eighth "mail".
	log = await makeLongLog(
		`case when i % 4 = 0 then 'busy' when i % 8 = 1 then 'mail' else 'r' || (hashint8(i + 7) & 2147483647) % ${ROOMS} end`
	);
}, MAKING_MS);
afterAll(() => log.drop(), DROPPING_MS);

const rooms = (count: number) => Array.from({ length: count }, (_, i) => room(i));
/** A cursor that is a few minutes old. */
const RECENT = HEAD - 20_000n;

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
		const plan = await log.planOf(what, (on) =>
			readPage(on, { userId: '8', starts, to: HEAD, size: page() })
		);
		expect(plan['Actual Rows']).toBeGreaterThan(0);
		expectFewPages(plan, 2 * starts.length, LIMIT);
	}
);

test('the first page of 500 topics where nothing has happened reads no rows', async () => {
	const starts = from(rooms(500), HEAD);
	const plan = await log.planOf('500 topics, nothing new', (on) =>
		readPage(on, { userId: '8', starts, to: HEAD, size: page() })
	);
	expect(read(plan)).toBe(0);
	expect(buffers(plan)).toBeLessThan(10 * starts.length);
});

test('where the newest few events of 500 topics begin is found without looking at others', async () => {
	const topics = rooms(500).map((topic) => ({ topic, last: 5 }));
	const plan = await log.planOf('the newest 5 of 500 topics', (on) =>
		readWindowStarts(on, { userId: '8', topics })
	);
	expectNoWaste(plan);
	// The merge of two audiences and two partitions knows the next row of each.
	expect(read(plan)).toBeLessThanOrEqual((6 + 4) * topics.length);
	expect(buffers(plan)).toBeLessThan(1.25 * read(plan) + 20 * topics.length);
});

test('the edges of 1,000 topics are found without looking at those of others', async () => {
	await log.sql`
		insert into topic_horizons (topic, audience, horizon)
		select 'r' || t, case when u = 0 then '' else u::text end, t + u
		from generate_series(0, 1999) as t, generate_series(0, 50) as u where t % 2 = 0`;
	await log.sql`vacuum analyze topic_horizons`;
	const query = { userId: '8', topics: rooms(1000) };
	const plan = await log.planOf('the edges of 1,000 topics', (on) => readEdges(on, query));
	const scan = nodes(plan).find((node) => node['Relation Name'] === 'topic_horizons')!;
	expect(scan['Index Name']).toBe('topic_horizons_topic_audience_pk');
	expect(scan['Rows Removed by Filter'] ?? 0).toBe(0);
	expect(read(plan)).toBe(2 * 500);
	expect(plan['Actual Rows']).toBe(500);
});
