/** There is always a partition for the next event, for every writer and at any speed. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { startAppServer, type AppServer } from '../support/app-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let sql: Sql;
let server: AppServer | undefined;

beforeEach(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 4, name: 'test sql' });
});
afterEach(async () => {
	await server?.stop();
	server = undefined;
	await sql.end();
	await database.drop();
});

/** Leaves `ids` ids until the last partition ends. */
const leave = (ids: number) =>
	sql`select setval('events_id_seq', logline_last_partitioned() - ${ids}::int)`;
const partitions = async () =>
	(await sql`select 1 from pg_inherits where inhparent = 'events'::regclass`).length;
const count = async () => (await sql`select count(*)::int as n from events`)[0]!.n as number;
const append = (topics: string[]) => sql`
	select ids::text[] from logline_append(${randomUUID()}, ${topics}::text[], ${topics.map(() => null)}::text[],
		array_fill('{}'::jsonb, array[${topics.length}::int]), null)`;

test('an append that crosses the end of the last partition makes the next one, with no server running', async () => {
	await leave(2);
	await append(['a', 'b', 'c', 'd', 'e']);
	expect(await count()).toBe(5);
});

test('rows of the outbox that cross the end of the last partition are moved, with no server running', async () => {
	await leave(2);
	await sql`insert into outbox (topic, data) select 'a', '1' from generate_series(1, 5)`;
	await sql`select logline_relay()`;
	expect(await count()).toBe(5);
});

test('two writers that reach the end of the last partition at once both succeed', async () => {
	await leave(0);
	await Promise.all([append(['a']), append(['b']), sql`select logline_ensure_partitions()`]);
	expect(await count()).toBe(2);
});

test('a bulk insert by plain SQL has partitions made by a running server before the last one is full', async () => {
	server = await startAppServer(database.url);
	await until(async () => (await sql`select logline_ids_left() as ids`)[0]!.ids > 10_000_000);
	const before = await partitions();
	await leave(100);
	await sql`insert into events (topic, data) select 'a', '1' from generate_series(1, 100)`;
	await until(async () => (await partitions()) === before + 2, {
		what: 'a server has heard that partitions run out',
		timeoutMs: 2000
	});
	// When its lock is free, it has committed.
	await sql`select logline_ensure_partitions(wait => true)`;
	await sql`insert into events (topic, data) select 'a', '1' from generate_series(1, 100)`;
	expect(await count()).toBe(200);
});

test('a plain INSERT that finds no partition at all is told what to do', async () => {
	await leave(0);
	const failure = await sql`insert into events (topic, data) values ('a', '1')`.catch(
		(error: unknown) => error
	);
	expect(failure).toMatchObject({
		code: '23514',
		hint: expect.stringContaining('logline_ensure_partitions()')
	});
	await sql`select logline_ensure_partitions()`;
	await sql`insert into events (topic, data) values ('a', '1')`;
});

test('a sequence that was set far ahead costs a few partitions, not thousands', async () => {
	await sql`select setval('events_id_seq', 1000000000000)`;
	const before = await partitions();
	await append(['a']);
	expect(await partitions()).toBeLessThanOrEqual(before + 4);
	expect(await sql`select id from events`).toEqual([{ id: '1000000000001' }]);
	await sql`select logline_ensure_partitions()`;
	expect((await sql`select logline_ids_left() as ids`)[0]!.ids >= 10_000_000).toBe(true);
});
