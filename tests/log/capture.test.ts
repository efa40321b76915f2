/** A table becomes live by one line of SQL. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { declareTopics } from '../../src/lib/server/log/declarations.ts';
import { TEST_TOPICS } from '../support/app-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openScene } from '../support/scene.ts';

let database: TestDatabase;
let sql: Sql;
const warnings: string[] = [];

beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 2, name: 'test sql' });
	const connection = new SoleConnection(database.url, { name: 'declare' });
	await declareTopics(connection, TEST_TOPICS);
	await connection.end();
});
afterAll(async () => {
	await sql.end();
	await database.drop();
});
beforeEach(async () => {
	warnings.length = 0;
	await sql`truncate outbox`;
	await sql.unsafe(`drop schema if exists "the shop" cascade; create schema "the shop";
		create table "the shop"."Orders" (id int primary key, "room ID" text, "user" text, total numeric, secret text,
			gross numeric generated always as (total * 2) stored)`);
});

const TABLE = `"the shop"."Orders"`;
const capture = (rest: string, table = TABLE) =>
	sql.unsafe(`select logline_capture('${table}', ${rest})`);
const change = (text: string) => sql.unsafe(text.replaceAll('orders', TABLE));

/** What was told since the last call: topic, user, operation, row, former values. */
async function told() {
	const rows = await sql<{ topic: string; user_id: string | null; data: Told }[]>`
		delete from outbox returning topic, user_id, data, n`;
	return [...rows]
		.sort(
			(a, b) =>
				Number((a as unknown as { n: string }).n) - Number((b as unknown as { n: string }).n)
		)
		.map(({ topic, user_id, data: { op, row, old } }) => [
			user_id === null ? topic : `${topic} ${user_id}`,
			op,
			row,
			...(old ? [old] : [])
		]);
}
interface Told {
	op: string;
	row?: Record<string, unknown>;
	old?: Record<string, unknown>;
}

describe('a captured table', () => {
	test('tells each row that is inserted, updated and deleted, by whatever statement', async () => {
		await capture(`'a', columns => '{id, total, gross}'`);
		await change(`insert into orders (id, total) values (1, 10), (2, 20)`);
		await change(`update orders set total = 11 where id = 1`);
		await change(`update orders set secret = 'not shown'`);
		await change(`insert into orders (id, total) values (2, 21), (3, 30)
			on conflict (id) do update set total = excluded.total`);
		await change(`delete from orders where id > 1`);
		await change(`merge into orders as t using (values (1, 12), (4, 40)) as s(id, total) on t.id = s.id
			when matched then update set total = s.total when not matched then insert (id, total) values (s.id, s.total)`);
		await change(`truncate orders`);
		const row = (id: number, total: number) => ({ id, total, gross: 2 * total });
		const all = await told();
		expect(all.slice(0, 3)).toEqual([
			['a', 'insert', row(1, 10)],
			['a', 'insert', row(2, 20)],
			['a', 'update', row(1, 11), { total: 10, gross: 20 }]
		]);
		expect(all.slice(3, 5)).toEqual(
			expect.arrayContaining([
				['a', 'insert', row(3, 30)],
				['a', 'update', row(2, 21), { total: 20, gross: 40 }]
			])
		);
		expect(all.slice(5, 9)).toEqual(
			expect.arrayContaining([
				['a', 'delete', row(2, 21)],
				['a', 'delete', row(3, 30)],
				['a', 'update', row(1, 12), { total: 11, gross: 22 }],
				['a', 'insert', row(4, 40)]
			])
		);
		expect(all.slice(9)).toEqual([['a', 'truncate', undefined]]);
	});

	test('tells nothing of columns that are left out, and all of those that are added later', async () => {
		await capture(`'a', without => '{secret, user, "room ID"}'`);
		await change(`insert into orders (id, total, secret) values (1, 1, 'hidden')`);
		await change(`alter table orders add note text default 'later'`);
		await change(`update orders set secret = 'changed'`);
		await change(`update orders set note = 'now'`);
		expect(await told()).toEqual([
			['a', 'insert', { id: 1, total: 1, gross: 2 }],
			['a', 'update', { id: 1, total: 1, gross: 2, note: 'now' }, { note: 'later' }]
		]);
	});

	test('tells of columns that are computed when they are read', async () => {
		const [version] = await sql`select current_setting('server_version_num')::int as n`;
		if (version!.n < 180_000) return;
		await change(`alter table orders add net numeric generated always as (total / 2) virtual`);
		await capture(`'a', columns => '{id, net}'`);
		await change(`insert into orders (id, total) values (1, 10)`);
		expect(await told()).toEqual([['a', 'insert', { id: 1, net: 5 }]]);
	});

	test('tells a row in the topic that its columns say, and of its move to another', async () => {
		await capture(`'rooms/{room ID}/messages', columns => '{id}'`);
		await change(`insert into orders (id, "room ID") values (1, 'x'), (2, null)`);
		await change(`update orders set "room ID" = 'y'`);
		await change(`update orders set "room ID" = null where id = 1`);
		await change(`update orders set id = id + 1`);
		await change(`delete from orders`);
		expect(await told()).toEqual([
			['rooms/x/messages', 'insert', { id: 1 }],
			['rooms/x/messages', 'delete', { id: 1 }],
			['rooms/y/messages', 'insert', { id: 1 }],
			['rooms/y/messages', 'insert', { id: 2 }],
			['rooms/y/messages', 'delete', { id: 1 }],
			['rooms/y/messages', 'delete', { id: 2 }],
			['rooms/y/messages', 'insert', { id: 3 }],
			['rooms/y/messages', 'delete', { id: 3 }]
		]);
	});

	test('tells a row to its user alone, and a row without a user to nobody', async () => {
		await capture(`'a', user_column => 'user', columns => '{id}'`);
		await change(`insert into orders (id, "user") values (1, 'ann'), (2, null)`);
		await change(`update orders set "user" = 'bob'`);
		expect(await told()).toEqual([
			['a ann', 'insert', { id: 1 }],
			['a ann', 'delete', { id: 1 }],
			['a bob', 'insert', { id: 1 }],
			['a bob', 'insert', { id: 2 }]
		]);
	});

	test('may be told to two topics, and no more to one when that is stopped', async () => {
		await capture(`'a', columns => '{id}'`);
		await capture(`'a', columns => '{id}'`);
		await capture(`'rooms/{room ID}/messages', columns => '{id}'`);
		await change(`insert into orders (id, "room ID") values (1, 'x')`);
		expect(await told()).toHaveLength(2);
		await sql.unsafe(`select logline_capture_stop('${TABLE}', 'a')`);
		await change(`insert into orders (id, "room ID") values (2, 'x')`);
		expect(await told()).toEqual([['rooms/x/messages', 'insert', { id: 2 }]]);
	});

	test('is live: what commits arrives, what is rolled back does not', async () => {
		const scene = await openScene();
		try {
			await scene.sql.unsafe(`create table things (id int primary key);
				select logline_capture('things', 'a')`);
			const client = scene.open('topics=a');
			await client.caughtUp();
			await scene.sql
				.begin(async (tx) => {
					await tx`insert into things values (1)`;
					throw new Error('changed my mind');
				})
				.catch(() => undefined);
			await scene.sql`insert into things values (2)`;
			await client.arrived('a');
			expect(client.data('a')).toEqual([{ op: 'insert', row: { id: 2 } }]);
		} finally {
			await scene.close();
		}
	});

	test('may be one of partitions', async () => {
		await sql.unsafe(`create table "the shop".parts (id int primary key, v int) partition by range (id);
			create table "the shop".p1 partition of "the shop".parts for values from (0) to (10);
			create table "the shop".p2 partition of "the shop".parts for values from (10) to (20)`);
		await capture(`'a'`, '"the shop".parts');
		await sql.unsafe(`insert into "the shop".parts values (1, 1);
			update "the shop".parts set id = 11;
			update "the shop".parts set v = 2`);
		expect(await told()).toEqual([
			['a', 'insert', { id: 1, v: 1 }],
			['a', 'delete', { id: 1, v: 1 }],
			['a', 'insert', { id: 11, v: 1 }],
			['a', 'update', { id: 11, v: 2 }, { v: 1 }]
		]);
	});
});

describe('a person is told what to do', () => {
	const refused = (work: Promise<unknown>, message: RegExp, hint: RegExp) =>
		expect(work).rejects.toMatchObject({
			message: expect.stringMatching(message) as unknown,
			hint: expect.stringMatching(hint) as unknown
		});

	test.each([
		[`'rooms/{room}/messages'`, /no column room/, /spelled/],
		[`'a', user_column => 'owner'`, /no column owner/, /spelled/],
		[`'a', without => '{pass word}'`, /no column "pass word"/, /spelled/],
		[`'a', columns => '{id}', without => '{secret}'`, /both/, /or "without"/],
		[`'a', columns => '{}'`, /empty/, /at least one/],
		[`'$own'`, /not a topic/, /letters/],
		[`'rooms/{room ID'`, /not a topic/, /braces/]
	])('who says %s', async (rest, message, hint) => {
		await refused(capture(rest), message, hint);
	});

	test('whose table has no primary key, is a view, a partition or the log', async () => {
		await sql.unsafe(`create table "the shop".loose (id int); create view "the shop".seen as select 1 as id;
			create table "the shop".parts (id int primary key) partition by range (id);
			create table "the shop".p1 partition of "the shop".parts for values from (0) to (10)`);
		await refused(capture(`'a'`, '"the shop".loose'), /primary key/, /Make one/);
		await refused(capture(`'a'`, '"the shop".seen'), /not a table/, /below/);
		await refused(capture(`'a'`, '"the shop".p1'), /not a table/, /part of/);
		await refused(capture(`'a'`, 'events'), /the log itself/, /application/);
	});

	test('who writes a value that cannot be a part of a topic; such a row can be deleted', async () => {
		await change(`insert into orders (id, "room ID") values (1, 'no/room')`);
		await capture(`'rooms/{room ID}/messages'`);
		await refused(
			change(`insert into orders (id, "room ID") values (2, 'a b')`),
			/value "a b" in column "room ID" of "the shop"."Orders"/,
			/1 to 64 characters/
		);
		await change(`delete from orders`);
		expect(await told()).toEqual([]);
	});

	test('who writes a row that is too large, or truncates rows of many topics', async () => {
		await capture(`'rooms/{room ID}/messages'`);
		await refused(
			change(`insert into orders (id, "room ID", secret) values (2, 'x', repeat('x', 1100000))`),
			/1100\d+ octets/,
			/without =>/
		);
		await refused(change(`truncate orders`), /many topics/, /DELETE/);
	});

	test('whose columns are gone: nothing is published that was to be left out', async () => {
		await capture(`'a', without => '{secret}'`);
		await change(`alter table orders rename secret to hidden`);
		await refused(
			change(`insert into orders (id, hidden) values (1, 'x')`),
			/no longer has the column secret/,
			/logline_capture_stop\('"the shop"."Orders"', 'a'\)/
		);
	});

	test('who stops what was not begun', async () => {
		await capture(`'a'`);
		await refused(
			Promise.resolve(sql.unsafe(`select logline_capture_stop('${TABLE}', 'b')`)),
			/not captured to "b"/,
			/captured to: a\./
		);
	});

	test('whose topic is not declared yet', async () => {
		await sql.unsafe(`do $$ begin perform logline_capture('${TABLE}', 'undeclared'); end $$`);
		await refused(change(`insert into orders (id) values (1)`), /undeclared/, /./);
	});

	test('who may write the table, but not the log, publishes; who does not own the log cannot capture', async () => {
		await capture(`'a', columns => '{id}'`);
		await sql.unsafe(`drop role if exists capture_writer; create role capture_writer;
			grant usage on schema "the shop" to capture_writer; grant all on ${TABLE} to capture_writer`);
		try {
			await sql.begin(async (tx) => {
				await tx`set local role capture_writer`;
				await tx.unsafe(`insert into ${TABLE} (id) values (1)`);
			});
			expect(await told()).toEqual([['a', 'insert', { id: 1 }]]);
			const foreign = sql.begin(async (tx) => {
				await tx`set local role capture_writer`;
				await tx.unsafe(`create trigger mine after insert on ${TABLE} for each statement
					execute function logline_capture_rows('a', '', '', '')`);
			});
			await expect(foreign).rejects.toMatchObject({ code: '42501' });
		} finally {
			await sql.unsafe(`drop owned by capture_writer; drop role capture_writer`);
		}
	});
});
