import { uneval } from 'devalue';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { historyJson, readHistory, readHistoryPage } from '../../src/lib/server/log/history.ts';
import { readAfter } from '../../src/lib/server/log/read.ts';
import { PageSize } from '../../src/lib/server/log/page-size.ts';
import { Tailer } from '../../src/lib/server/log/tail.ts';
import type { LogEvent } from '../../src/lib/server/log/types.ts';
import { liftBounds } from '../support/bounds.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let sql: Sql;
let connection: SoleConnection;

beforeEach(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 1, name: 'test sql' });
	connection = new SoleConnection(database.url, { name: 'test history' });
	await liftBounds(sql);
});

afterEach(async () => {
	await connection.end();
	await sql.end();
	await database.drop();
});

const insert = (data: string, createdAt = '2026-01-02T03:04:05Z') => sql`
	insert into events (topic, data, created_at) values ('a', ${data}::text::jsonb, ${createdAt}::text::timestamptz)`;
const everything = { userId: '1', topic: 'a', before: null, limit: 50 };
const history = async () => {
	const page = await readHistoryPage(connection, everything);
	return JSON.parse(historyJson(page)) as {
		events: { id: string; data: unknown; createdAt: string }[];
		oldest: string | null;
	};
};
const firstState = () => readHistory(connection, { userId: '1', topics: [{ topic: 'a' }] });
const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

test('a time that no Date can tell fails nobody who reads the history', async () => {
	for (const time of [
		'infinity',
		'-infinity',
		'294276-12-31T23:59:59Z',
		'4713-01-01T00:00:00Z BC',
		'2026-01-02T03:04:05.678Z'
	]) {
		await insert('1', time);
	}
	const times = (await history()).events.map(({ createdAt }) => createdAt).reverse();
	expect(times[0]).toBe('infinity');
	expect(times[1]).toBe('-infinity');
	expect(times[2]).toMatch(/^29427[67]-/);
	expect(times[3]).toMatch(/^-00471[23]-/);
	expect(times[4]).toBe('2026-01-02T03:04:05.678Z');
});

test.each([
	['is nested 5,000 deep', deep(5000)],
	['is nested 5,000 deep behind brackets in a string', `["]]]]\\"}}", ${deep(5000)}]`],
	['has a name that a page refuses', '{"__proto__": {"a": 1}}'],
	['has numbers that no double holds', '[1e400, 12345678901234567890]']
])('an event that %s fails neither a page nor its history, and hides no other', async (_, data) => {
	await insert('"before"');
	await insert(data);
	await insert('"behind"');
	const { events, cursor } = await firstState();
	expect(() => uneval(events)).not.toThrow();
	expect(cursor).toBe('3');
	// Compare as text: the value is nested too deeply to be compared.
	const [stored] = await sql<
		{ text: string }[]
	>`select data::text as text from events where id = 2`;
	const [before, unusual, behind] = events;
	expect([before?.data, behind?.data]).toEqual(['before', 'behind']);
	if (unusual?.json !== undefined) expect(unusual.json).toBe(stored!.text);
	else expect(unusual?.data).toEqual(JSON.parse(data));
	const page = await readHistoryPage(connection, everything);
	expect(page.events.map(({ json }) => json)).toEqual(['"behind"', stored!.text, '"before"']);
	expect(() => void JSON.parse(historyJson(page))).not.toThrow();
});

test('a text that is such a name is a value as any other', async () => {
	await insert('{"item": "__proto__", "items": ["__proto__"]}');
	const { events } = await firstState();
	expect(events.map(({ data }) => data)).toEqual([{ item: '__proto__', items: ['__proto__'] }]);
});

test('a first state ends before an event that is larger than all of it, and goes on from there', async () => {
	await insert('"before"');
	await sql`insert into events (topic, data) values ('a', to_jsonb(repeat('x', 5000000)))`;
	await insert('"behind"');
	const { events, cursor } = await firstState();
	expect(events.map(({ data }) => data)).toEqual(['before']);
	expect(cursor).toBe('1');
});

test('a page of history is no more than a few megabytes, and says by its oldest event that there are more', async () => {
	await sql`insert into events (topic, data) select 'a', to_jsonb(repeat('x', 1000000)) from generate_series(1, 10)`;
	const { events, oldest } = await history();
	expect(events.map(({ id }) => id)).toEqual(['10', '9', '8', '7']);
	expect(oldest).toBe('1');
});

test('an event that is too large to be sent is there without data, in a page and in history', async () => {
	await insert('"before"');
	await sql`insert into events (topic, data) values ('a', to_jsonb(repeat('x', 17000000)))`;
	await insert('"behind"');
	const all = ['before', null, 'behind'];
	expect((await firstState()).events.map(({ data }) => data)).toEqual(all);
	expect((await history()).events.map(({ data }) => data)).toEqual([...all].reverse());
});

test('a page is bounded by octets of text, also where jsonb is small, and the next one goes on behind it', async () => {
	for (let i = 0; i < 6; i++) await insert(`[${'1e308,'.repeat(3000)}0]`);
	await insert('"behind"');
	const size = new PageSize({ most: 1000, bytes: 2_000_000 });
	const pages: string[][] = [];
	let after = 0n;
	for (;;) {
		const { events, last, more } = await readAfter(connection, after, size);
		pages.push(events.map(({ id }) => String(id)));
		const octets = events.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
		expect(octets).toBeLessThanOrEqual(2_000_000);
		if (!more || last === null) break;
		after = last;
	}
	expect(pages).toEqual([
		['1', '2'],
		['3', '4'],
		['5', '6', '7']
	]);
});

test('an event that Postgres does not hand out in time is set aside, and those behind it are delivered', async () => {
	// About 16 MB as text, for which Postgres needs long.
	const large = `[${'1e308,'.repeat(50_000)}0]`;
	await insert(large);
	const answerMs = (await leastMsOf('1')) / 2;
	const delivered: LogEvent[] = [];
	const lines: string[] = [];
	const tailer = new Tailer(
		new SoleConnection(database.url, { name: 'tailer', answerMs }),
		pino({}, { write: (line) => void lines.push(line) }),
		{
			looks: () => {},
			deliver: (events) => void delivered.push(...events),
			atEnd: () => {},
			replaced: () => {},
			moved: () => {}
		},
		{ pollMs: 20 }
	);
	await until(() => tailer.begin().then(() => true));
	await insert('"before"');
	await insert(large);
	await insert('"behind"');
	tailer.start();
	try {
		await until(() => delivered.length === 3, { timeoutMs: 50_000 });
	} finally {
		await tailer.stop();
	}
	expect(delivered.map(({ data }) => data)).toEqual(['"before"', null, '"behind"']);
	expect(tailer.setAside).toBe(1);
	expect(lines.some((line) => line.includes('"id":"3"') && line.includes('gap'))).toBe(true);
});

/** Returns the shortest of three times that Postgres needs to hand out an event, in milliseconds. */
async function leastMsOf(id: string): Promise<number> {
	let least = Infinity;
	for (let n = 0; n < 3; n++) {
		const started = performance.now();
		await sql`select data::text from events where id = ${id}`;
		least = Math.min(least, performance.now() - started);
	}
	return least;
}
