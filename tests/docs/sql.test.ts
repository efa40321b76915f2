/** The answers of docs/sql.md, run on a log whose content is known. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createRegistry, type TopicDefinition } from '../../src/lib/protocol/index.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { declareTopics } from '../../src/lib/server/log/declarations.ts';
import { readBlocks } from '../support/blocks.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const schema: TopicDefinition['schema'] = {
	'~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) }
};
const TOPICS = createRegistry([
	{
		orders: { schema },
		payments: { schema },
		staff: { schema, access: () => false },
		'shop/orders': { schema },
		lines: { schema, retention: { seconds: 86_400 } },
		latest: { schema, retention: { lastPerUser: 3 } },
		'rooms/[room]/messages': { schema, access: 'granted' },
		'clubs/[club]/news': { schema, access: 'granted', history: 'since-granted' }
	}
]);

let database: TestDatabase;
let sql: Sql;
/** Heading → the statements below it. */
const answers = new Map<string, string[]>();
const asked = new Set<string>();

beforeAll(async () => {
	for (const { section, language, code } of await readBlocks('docs/sql.md')) {
		expect(language).toBe('sql');
		answers.set(section, [...(answers.get(section) ?? []), code]);
	}
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 1, name: 'test sql' });
	const connection = new SoleConnection(database.url, { name: 'declare' });
	await declareTopics(connection, TOPICS);
	await connection.end();
});
afterAll(async () => {
	await sql.end();
	await database.drop();
});

/** Runs the n-th statement below a heading. */
async function ask(section: string, n = 0): Promise<Record<string, unknown>[]> {
	const text = answers.get(section)?.[n];
	expect(text, `"${section}" has an answer`).toBeDefined();
	asked.add(`${section} ${n}`);
	return [...(await sql.unsafe(text!))];
}

/** Inserts an event of some minutes ago, and returns its id. */
async function add(
	topic: string,
	data: unknown,
	{ user = null, ago = 0 }: { user?: string | null; ago?: number } = {}
): Promise<string> {
	const [row] = await sql<{ id: string }[]>`insert into events (topic, user_id, data, created_at)
		values (${topic}, ${user}, ${sql.json(data as never)}, now() - ${ago} * interval '1 minute') returning id::text`;
	return row!.id;
}

/** Writes grants into the log, as a relay does. */
async function grant(change: Promise<unknown>): Promise<void> {
	await change;
	await sql`select logline_relay()`;
}

test('events per minute, of the last hour', async () => {
	await add('orders', {}, { ago: 90 });
	for (const ago of [10, 10, 5]) await add('orders', {}, { ago });
	await add('payments', {}, { ago: 5 });
	const rows = await ask('How many events come per minute, by topic?');
	expect(rows.map(({ topic, events }) => `${String(topic)} ${String(events)}`)).toEqual([
		'orders 2',
		'orders 1',
		'payments 1'
	]);
	expect(rows[0]!.minute).toBeDefined();
});

test('what a user could see is what the log says of that time', async () => {
	const before = await add('rooms/7/messages', 'before');
	const unseen = await add('clubs/1/news', 'before');
	await grant(
		sql`insert into grants (scope, user_id) values ('rooms/7', 'ada'), ('clubs/1', 'ada')`
	);
	const news = await add('clubs/1/news', 'after');
	await add('rooms/8/messages', 'another room');
	await add('orders', 'not hers', { user: 'bob' });
	const hers = await add('orders', 'hers', { user: 'ada' });
	const perhaps = await add('staff', 'a rule decides');
	await grant(sql`delete from grants where scope = 'rooms/7'`);
	await add('rooms/7/messages', 'afterwards');
	const rows = await ask('What could this user see last week?');
	const seen = new Map(rows.map(({ id, certain }) => [String(id), certain]));
	expect(rows.filter(({ topic }) => topic === 'rooms/7/messages').map(({ id }) => id)).toEqual([
		before
	]);
	expect(seen.get(news)).toBe(true);
	expect(seen.has(unseen)).toBe(false);
	expect(seen.get(hers)).toBe(true);
	expect(seen.get(perhaps)).toBe(false);
	expect(rows.map(({ data }) => data)).not.toContain('not hers');
	expect(rows.map(({ topic }) => topic)).not.toContain('rooms/8/messages');
});

test('why she did not get event 42', async () => {
	await sql`select setval('events_id_seq', 41)`;
	expect(await add('orders', 'for bob', { user: 'bob' })).toBe('42');
	const rows = await ask('Why did she not get event 42?');
	expect(rows.find(({ passes }) => passes === false)).toEqual({
		gate: 'audience',
		passes: false,
		why: 'It is for user "bob" alone.'
	});
});

test('what waits in the outbox', async () => {
	await sql`insert into outbox (topic, data) values ('orders', '1'), ('orders', '2')`;
	await sql`insert into dead_letters (topic, data, created_at, error) values ('payments', '1', now(), 'too large')`;
	const rows = await ask('What waits in the outbox, and what was set aside?');
	expect(rows).toEqual([
		expect.objectContaining({ state: 'waits', topic: 'orders', events: '2' }),
		expect.objectContaining({ state: 'set aside', topic: 'payments', error: 'too large' })
	]);
	await sql`delete from outbox`;
});

test('who lags', async () => {
	const [head] = await sql<{ id: string }[]>`select max(id)::text as id from events`;
	await sql`insert into log_servers (server, name, started_at, seen_at, tail, streams)
		values (gen_random_uuid(), 'host 1', now(), now(), 1,
			jsonb_build_array(jsonb_build_array('ada', 'tab', 'live', ${Number(head!.id) - 2}::int, '["orders"]'::jsonb)))`;
	await sql`insert into consumers (name, topic, position) values ('mailer', 'orders', ${Number(head!.id) - 7})`;
	expect(await ask('Who lags?')).toEqual([
		{ kind: 'consumer', name: 'mailer orders', behind: '7' },
		{ kind: 'client', name: 'ada tab', behind: '2' }
	]);
});

test('events by what is in them, with and without the index', async () => {
	const id = await add('orders', { items: [{ sku: 'lamp', count: 2 }] });
	await add('orders', { items: [{ sku: 'lamp', count: 1 }] });
	const found = [{ id, data: { items: [{ sku: 'lamp', count: 2 }] } }];
	const section = 'Which events have this in their data?';
	expect(await ask(section)).toEqual(found);
	await ask(section, 1);
	await sql`set enable_seqscan = off`;
	const plan = await sql.unsafe(`explain ${answers.get(section)![0]!}`);
	await sql`reset enable_seqscan`;
	expect(JSON.stringify(plan)).toContain('Bitmap Index Scan on events_');
	expect(await ask(section)).toEqual(found);
});

test('the largest topics, counted in a small log, and estimated honestly in a larger one', async () => {
	await add('lines', { text: 'x'.repeat(50_000) });
	const rows = await ask('Which topics are the largest?');
	expect(rows[0]).toMatchObject({ topic: 'lines', events: '1', data: '49 kB', exact: true });
	await sql`insert into events (topic, user_id, data)
		select 'rooms/1/messages', case when n % 2 = 0 then 'ada' end, jsonb_build_object('text', repeat('x', 100)) from generate_series(1, 20000) n`;
	const [counted] = await sql<
		Record<string, string>[]
	>`select count(*) as events, sum(size) as bytes from events where topic = 'rooms/1/messages'`;
	expect(await sql`select * from logline_topics where topic = 'rooms/1/messages'`).toEqual([
		expect.objectContaining({ exact: true, events: counted!.events, bytes: counted!.bytes })
	]);
	const [estimate] = await sql<{ events: string; bytes: string; exact: boolean }[]>`
		select events, bytes, exact from logline_sizes(100) where topic = 'rooms/1/messages'`;
	expect(estimate!.exact).toBe(false);
	const [ends] = await sql<Record<string, Date>[]>`select * from logline_ends('rooms/1/messages')`;
	const [real] = await sql<
		Record<string, Date>[]
	>`select min(created_at) as oldest, max(created_at) as newest
		from events where topic = 'rooms/1/messages' and user_id is null`;
	expect(ends).toEqual(real);
	expect(Number(estimate!.events) / 20_000).toBeGreaterThan(0.5);
	expect(Number(estimate!.events) / 20_000).toBeLessThan(1.5);
});

test('the event that has a key', async () => {
	const first = await sql`select logline_emit('orders', '1', key => 'order-1001') as id`;
	await sql`select logline_emit('orders', '2', key => 'order-1001')`;
	expect(await ask('Which duplicates were refused by a key?')).toEqual([
		expect.objectContaining({ key: 'order-1001', event_id: first[0]!.id, topic: 'orders' })
	]);
});

test('orders without a payment, with and without the index', async () => {
	await sql`create table orders (id int primary key, placed_at timestamptz, card text)`;
	await sql`insert into orders select n, now() - interval '2 hours' from generate_series(1, 3) n`;
	await sql`insert into orders values (4, now())`;
	await add('payments', { order: '2' });
	const section = 'Which orders have no payment?';
	expect((await ask(section)).map(({ id }) => id)).toEqual([1, 3]);
	await ask(section, 1);
	expect((await ask(section)).map(({ id }) => id)).toEqual([1, 3]);
});

test('what is trimmed next', async () => {
	const oldest = await add('lines', 'old', { ago: 1400 });
	await add('latest', 1);
	const rows = await ask('What is trimmed next?');
	expect(rows.map(({ topic, retention }) => [topic, retention])).toEqual([
		['lines', '86400 s'],
		['latest', 'the last 3 of each user']
	]);
	const [exact] = await sql<
		{ same: boolean }[]
	>`select abs(extract(epoch from next_trim - (created_at + interval '1 day'))) < 1 as same
		from logline_topics, events where logline_topics.topic = 'lines' and events.id = ${oldest}`;
	expect(exact!.same).toBe(true);
	expect(rows[1]!.next_trim).toBeNull();
});

test('which grants have lost their table', async () => {
	const section = 'Which grants have lost their table?';
	await sql`truncate grants`;
	await sql`drop table room_members`;
	for (const table of ['room_members', 'guests']) {
		await sql`create table ${sql(table)} (room_id text, user_id text, primary key (room_id, user_id))`;
		await sql`select logline_grants_from(${table}::text::regclass, 'rooms/{room_id}')`;
		await sql`insert into ${sql(table)} values ('1', 'ada'), ('2', 'bob')`;
	}
	await sql`drop table room_members`;
	await sql`alter table guests rename to visitors`;
	expect(await ask(section)).toEqual([
		{ source: 'guests', grants: '2', followed: 'visitors', scope: 'rooms/{room_id}' },
		{ source: 'room_members', grants: '2', followed: null, scope: null }
	]);
	await ask(section, 1);
	expect((await ask(section)).map(({ source }) => source)).toEqual(['guests']);
	await sql.unsafe(`create table room_members (room_id text, user_id text, primary key (room_id, user_id));
		select logline_grants_from('room_members', 'rooms/{room_id}'); insert into room_members values ('1', 'ada'), ('2', 'bob');
		alter table room_members disable trigger user; delete from room_members where user_id = 'ada';
		alter table room_members enable trigger user`);
	expect(await ask(section, 2)).toEqual([{ differed: 1 }]);
	expect(await ask(section, 2)).toEqual([{ differed: 0 }]);
	await sql`truncate grants, outbox`;
});

test('an event is published, and a table is live', async () => {
	const section = 'Publish, and make a table live';
	const [emitted] = await ask(section);
	expect(await sql`select data from events where id = ${emitted!.logline_emit as string}`).toEqual([
		{ data: { items: [] } }
	]);
	await ask(section, 1);
	await sql`insert into orders values (5, null, '4111')`;
	expect(await sql`delete from outbox returning topic, data`).toEqual([
		{ topic: 'shop/orders', data: { op: 'insert', row: { id: 5, placed_at: null } } }
	]);
});

test('the id at a time is found in a log with holes, before its begin and after its end', async () => {
	const at = async (time: string) =>
		String((await sql.unsafe(`select logline_id_at(${time}) as id`))[0]!.id);
	await sql`truncate events, event_keys`;
	expect(await at('now()')).toBe('0');
	const ids: string[] = [];
	for (let ago = 40; ago > 0; ago--) ids.push(await add('orders', ago, { ago }));
	await sql`delete from events where id % 7 = 0`;
	const [next] = await sql<
		{ id: string }[]
	>`select min(id)::text as id from events where created_at >= now() - interval '20.5 minutes'`;
	const found = BigInt(await at(`now() - interval '20.5 minutes'`));
	expect(await sql`select min(id)::text as id from events where id >= ${String(found)}`).toEqual([
		next
	]);
	expect(BigInt(await at(`now() - interval '1 year'`))).toBeLessThanOrEqual(BigInt(ids[0]!));
	const [last] = await sql<{ id: string }[]>`select max(id)::text as id from events`;
	expect(BigInt(await at(`now() + interval '1 year'`))).toBeGreaterThan(BigInt(last!.id));
});

test('no answer of the page is left out here', () => {
	const all = [...answers].flatMap(([section, texts]) => texts.map((_, n) => `${section} ${n}`));
	expect([...asked].sort()).toEqual(all.sort());
});
