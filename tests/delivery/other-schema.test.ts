/** The log in a schema of its own, in the database of an application that has tables with the same names. */
import { drizzle } from 'drizzle-orm/postgres-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readMigrations } from '../../drizzle/read-migrations.ts';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createLogline, migrateLog, type Logline } from '../../src/lib/server/index.ts';
import { LOG_MIGRATIONS } from '../../src/lib/server/schema/migrations.ts';
import type { TopicDefinition } from '../../src/lib/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const SCHEMA = 'logline';
const ADA = { id: 'ada', session: 's1', expires: new Date(Date.now() + 3_600_000) };

const anything: TopicDefinition['schema'] = {
	'~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) }
};
const topics = {
	a: { schema: anything },
	short: { schema: anything, retention: { lastPerUser: 2 } }
};
const quiet = {
	debug: () => {},
	info: () => {},
	warn: () => {},
	error: () => {},
	child: () => quiet
};

let url: string;
/** The application's own client. It knows nothing of the log's schema. */
let sql: Sql;
const started: Logline[] = [];

beforeEach(async () => {
	({ url } = await createTestDatabase({ empty: true }));
	sql = openClient(url, { max: 2, name: 'test app' });
	await sql`create table users (id uuid primary key default gen_random_uuid(), name text)`;
	await sql`create table events (id text primary key, what jsonb)`;
	await sql`create table outbox (id text primary key)`;
	await sql`insert into users (name) values ('Ada')`;
	await sql`insert into events values ('mine', '{"a": 1}')`;
	await sql`insert into outbox values ('mine')`;
});

afterEach(async () => {
	for (const logline of started.splice(0)) await logline.stop();
	await sql.end();
});

async function start(options: Partial<Parameters<typeof createLogline>[0]> = {}): Promise<Logline> {
	const logline = createLogline({ url, schema: SCHEMA, topics, logger: quiet, ...options });
	started.push(logline);
	await logline.start();
	return logline;
}

const emit = (logline: Logline, topic: string, data: unknown, userId: string | null = null) =>
	logline.append([{ topic, data, userId }]);

/** Returns what a topic holds for Ada, by the library's own reading. */
const valuesOf = async (logline: Logline, topic: string) =>
	(await logline.history(ADA, topic)).events
		.map(({ json }) => JSON.parse(json ?? 'null') as unknown)
		.reverse();

test('everything works beside tables of the application, which stay as they are', async () => {
	const logline = await start();
	await emit(logline, 'a', 1, ADA.id);
	await sql`insert into logline.events (topic, data) values ('a', '2')`;

	// A transaction of the application, whose client is drizzle's or the driver's own.
	const client = openClient(url, { max: 1, name: 'test drizzle' });
	const db = drizzle(client);
	const text = String.raw`it's "3" \ {,}`;
	await db.transaction(async (tx) => {
		await tx.execute(`update users set name = 'Ada L.'`);
		await logline.append([{ topic: 'a', data: text, userId: ADA.id }], tx);
	});
	await sql.begin(async (tx) => {
		await logline.append([{ topic: 'a', data: 4 }], tx);
		await logline.append([{ topic: 'a', data: 5, key: 'five' }], tx);
	});
	const undone = db.transaction(async (tx) => {
		await logline.append([{ topic: 'a', data: 'never' }], tx);
		throw new Error('undone');
	});
	await expect(undone).rejects.toThrow('undone');
	// Not inside a transaction: the event would be committed even if what it tells of is not.
	const outside = logline.append([{ topic: 'a', data: 'never' }], db);
	await expect(outside).rejects.toMatchObject({ code: 'transaction_lost' });
	await client.end();

	await until(async () => (await valuesOf(logline, 'a')).length === 5);
	expect(await valuesOf(logline, 'a')).toEqual([1, 2, text, 4, 5]);
	const first = await logline.read(ADA, ['a'] as never[]);
	expect(first).toMatchObject({ cursor: '5', userID: 'ada' });

	const stream = await openStream(logline, 'topics=a&client=c1');
	await stream.has('event: caught-up');
	await emit(logline, 'a', 'live');
	await stream.has('data: "live"');
	expect(stream.text().match(/^data: [\d"].*$/gm)).toEqual(
		[1, 2, text, 4, 5, 'live'].map((value) => `data: ${JSON.stringify(value)}`)
	);
	await logline.endSession(ADA.session);
	await stream.has('event: signed-out');

	expect(logline.health()).toMatchObject({ status: 'ok', failing: [] });
	expect(await sql`select * from events`).toEqual([{ id: 'mine', what: { a: 1 } }]);
	expect(await sql`select * from outbox`).toEqual([{ id: 'mine' }]);
	expect(await tablesOf('public')).toEqual(['events', 'outbox', 'users']);
});

test('old events are trimmed there, too', async () => {
	const logline = await start();
	for (const n of [1, 2, 3, 4]) await emit(logline, 'short', n);
	await logline.stop();
	// Its first round begins at once.
	const next = await start();
	await until(async () => (await valuesOf(next, 'short')).length === 2);
	expect(await valuesOf(next, 'short')).toEqual([3, 4]);
});

test('a start brings the tables of an older release up to date, and keeps their rows', async () => {
	const frozen = await readMigrations('tests/database/frozen/0.1.0');
	// As many as an older release may have had.
	await migrateLog(url, { schema: SCHEMA, migrations: frozen.slice(0, -1) });
	await sql`insert into logline.events (topic, data) values ('a', '1')`;
	const logline = await start();
	expect(await sql`select name from logline.logline_migrations order by name`).toEqual(
		LOG_MIGRATIONS.map(({ name }) => ({ name }))
	);
	await emit(logline, 'a', 2);
	expect(await valuesOf(logline, 'a')).toEqual([1, 2]);
});

test('several processes may start at once on an empty database', async () => {
	await Promise.all([start(), start(), start()]);
	expect(await sql`select count(*)::int as n from logline.logline_migrations`).toEqual([
		{ n: LOG_MIGRATIONS.length }
	]);
});

test('a start that must not migrate leaves the database alone', async () => {
	await expect(start({ migrate: false })).rejects.toThrow('does not exist');
	expect(await sql`select from pg_namespace where nspname = ${SCHEMA}`).toEqual([]);
});

test('a schema with other tables of these names is refused with what to do', async () => {
	await expect(start({ schema: 'public' })).rejects.toThrow(
		`The schema public has a table of yours called events and outbox, as the log wants one. Give the log another schema: createLogline({ schema: 'logline', … }).`
	);
	expect(await tablesOf('public')).toEqual(['events', 'outbox', 'users']);
});

test('names that cannot be schemas are refused before anything is opened', () => {
	for (const schema of ['', 'pg_log', 'x'.repeat(64), 'a\0b']) {
		expect(() => createLogline({ url, schema, topics })).toThrow('cannot be the schema of a log');
	}
});

test('in development, a start ends the Logline of before', async () => {
	const before = await start({ dev: true });
	const after = await start({ dev: true });
	await expect(emit(before, 'a', 1)).rejects.toMatchObject({ code: 'draining' });
	await emit(after, 'a', 2);
});

test('a start without a database says which variable to set', async () => {
	await expect(createLogline({ url: '', topics }).start()).rejects.toThrow('Set DATABASE_URL');
});

const tablesOf = async (schema: string) => {
	const rows = await sql<{ name: string }[]>`
		select relname as name from pg_class
		where relnamespace = ${schema}::regnamespace and relkind in ('r', 'p') order by 1`;
	return rows.map(({ name }) => name);
};

/** Opens a stream as Ada and collects its text. */
async function openStream(logline: Logline, query: string) {
	const asked = { searchParams: new URLSearchParams(query), headers: new Headers() };
	const response = await logline.open(asked, () => ADA);
	expect(response.status).toBe(200);
	let text = '';
	void response.body!.pipeThrough(new TextDecoderStream()).pipeTo(
		new WritableStream({
			write: (chunk) => {
				text += chunk;
			}
		})
	);
	return {
		text: () => text,
		has: (part: string) => until(() => text.includes(part), { what: `the stream has ${part}` })
	};
}
