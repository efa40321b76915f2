import { afterAll, beforeAll, expect, test } from 'vitest';
import {
	openClient,
	queryable,
	type Queryable,
	type Sql
} from '../../src/lib/server/database/client.ts';
import { readHistoryPage } from '../../src/lib/server/log/history.ts';
import { readOldest, readPage, readWindowStart } from '../../src/lib/server/log/read.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const EVENTS = 60_000;

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 1, name: 'test read path' });
	// Half of everything in one topic, for everyone; the rest spread over 19 topics and 100 users.
	await sql`
		insert into events (topic, user_id, data)
		select case when i % 2 = 0 then 'busy' else 't' || i % 19 end,
			case when i % 2 = 0 then null else i % 100 + 1 end, jsonb_build_object('n', i)
		from generate_series(1, ${EVENTS}::int) as i`;
	await sql`vacuum analyze events`;
});

afterAll(async () => {
	await sql.end();
	await database.drop();
});

interface Plan {
	'Node Type': string;
	'Index Name'?: string;
	'Actual Rows': number;
	'Actual Loops': number;
	'Rows Removed by Filter'?: number;
	'Shared Hit Blocks': number;
	'Shared Read Blocks': number;
	Plans?: Plan[];
}

/** Runs the statement often enough for Postgres to choose its plan for good, and answers that. */
async function planOf(read: (on: Queryable) => Promise<unknown>): Promise<Plan> {
	const asked: { text: string; parameters: (string | number | null)[] }[] = [];
	const on = queryable(sql);
	await read({
		query: (text, parameters) => {
			asked.push({ text, parameters });
			return on.query(text, parameters);
		}
	});
	const { text, parameters } = asked[0]!;
	const values = parameters.map((value) => (value === null ? 'null' : `'${value}'`)).join(', ');
	await sql.unsafe(`prepare measured as ${text}`);
	try {
		for (let i = 0; i < 7; i++) await sql.unsafe(`execute measured(${values})`);
		const [row] = await sql.unsafe<{ 'QUERY PLAN': [{ Plan: Plan }] }[]>(
			`explain (analyze, buffers, timing off, format json) execute measured(${values})`
		);
		return row!['QUERY PLAN'][0].Plan;
	} finally {
		await sql.unsafe('deallocate measured');
	}
}

const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)];

/** Rows that were read from the table. */
const read = (plan: Plan): number =>
	nodes(plan)
		.filter((node) => node['Node Type'].includes('Scan') && !node.Plans)
		.reduce((sum, node) => sum + node['Actual Rows'] * node['Actual Loops'], 0);

/** Nothing was read and thrown away. (Partitions that are still empty may be read any way.) */
function expectNoWaste(plan: Plan): void {
	for (const node of nodes(plan)) expect(node['Rows Removed by Filter'] ?? 0).toBe(0);
}

const topics = ['busy', 't7', 'nobody'];
const from = (after: bigint) => topics.map((topic) => ({ topic, after }));
const limit = 100;

test.each([
	['a client that has never been here', 0n],
	['a client that is far behind', BigInt(EVENTS / 2)],
	['a client that is a little behind', BigInt(EVENTS - 500)]
])('a page for %s costs no more than the rows of a page', async (_who, after) => {
	const query = { userId: '8', starts: from(after), to: BigInt(EVENTS), limit };
	const plan = await planOf((on) => readPage(on, query));
	expect(plan['Actual Rows']).toBe(limit);
	expectNoWaste(plan);
	expect(read(plan)).toBeLessThanOrEqual(2 * limit);
	expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']).toBeLessThan(400);
});

test('a user who has missed nothing costs no rows at all', async () => {
	const query = { userId: '4711', starts: [{ topic: 't7', after: 0n }], to: BigInt(EVENTS), limit };
	const plan = await planOf((on) => readPage(on, query));
	expectNoWaste(plan);
	expect(read(plan)).toBe(0);
});

test('where the newest few of a rare topic begin, and which is its oldest, is found without looking at others', async () => {
	const plan = await planOf((on) => readWindowStart(on, { userId: '8', topic: 't7', last: 10 }));
	expectNoWaste(plan);
	expect(read(plan)).toBeLessThanOrEqual(22);
	const oldest = await planOf((on) => readOldest(on, { userId: '8', topic: 'nobody' }));
	expectNoWaste(oldest);
	expect(read(oldest)).toBe(0);
});

test('a page of history, newest first, costs no more than the rows of a page', async () => {
	const query = { userId: '8', topic: 'busy', before: BigInt(EVENTS / 2), limit };
	const plan = await planOf((on) => readHistoryPage(on, query));
	expect(plan['Actual Rows']).toBe(limit);
	expectNoWaste(plan);
	expect(read(plan)).toBeLessThanOrEqual(limit);
});
