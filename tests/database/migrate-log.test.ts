/** The tables of the log as the library brings them into somebody's database. */
import { expect, test } from 'vitest';
import { readMigrations } from '../../drizzle/read-migrations.ts';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { queryable } from '../support/queryable.ts';
import { Listener } from '../../src/lib/server/database/listener.ts';
import { migrateLog } from '../../src/lib/server/schema/migrate-log.ts';
import { LOG_MIGRATIONS } from '../../src/lib/server/schema/migrations.ts';
import { createTestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

/** Runs work with a database and two clients, which know nothing of the log's schema. */
async function withDatabase(
	options: { empty?: boolean },
	work: (url: string, sql: Sql, other: Sql) => Promise<void>
): Promise<void> {
	const { url } = await createTestDatabase(options);
	const sql = openClient(url, { max: 1, name: 'test' });
	const other = openClient(url, { max: 1, name: 'test other' });
	try {
		await work(url, sql, other);
	} finally {
		await Promise.all([sql.end(), other.end()]);
	}
}

test('a log in another schema works for sessions that do not have it in their search_path', () =>
	withDatabase({ empty: true }, async (url, sql, other) => {
		await migrateLog(url, { schema: 'logline' });
		const names = LOG_MIGRATIONS.map(({ name }) => name);
		expect((await migrateLog(url, { schema: 'logline' })).applied).toEqual([]);
		expect(await sql`select name from logline.logline_migrations order by name`).toEqual(
			names.map((name) => ({ name }))
		);
		const [elsewhere] = await sql`
			select (select count(*)::int from pg_class where relnamespace = 'public'::regnamespace) as tables,
				(select count(*)::int from pg_proc where pronamespace = 'public'::regnamespace) as functions`;
		expect(elsewhere).toEqual({ tables: 0, functions: 0 });

		const heard: string[] = [];
		const listener = new Listener(url, {
			heartbeat: queryable(other),
			logger: { info: () => {}, warn: () => {} }
		});
		listener.on('logline_events', (payload) => heard.push(`events ${payload}`));
		listener.on('logline_outbox', (payload) => heard.push(`outbox ${payload}`));
		await listener.start();
		expect(
			await sql`
			insert into logline.events (topic, user_id, data) values ('a', 'ada', '1') returning id`
		).toEqual([{ id: '1' }]);
		await until(() => heard.includes('events 1'));

		// One writer at a time: the second one waits for the first to commit.
		await sql.begin(async (tx) => {
			await tx`insert into logline.events (topic, data) values ('a', '2')`;
			await other`set lock_timeout = '100ms'`;
			await expect(
				other`insert into logline.events (topic, data) values ('a', '0')`
			).rejects.toMatchObject({ code: '55P03' });
		});
		await expect(
			sql`insert into logline.events (id, topic, data) values (9, 'a', '0')`
		).rejects.toMatchObject({ hint: 'Leave the column "id" out of the INSERT.' });
		await expect(
			sql`insert into logline.events_1 (topic, data) values ('a', '0')`
		).rejects.toMatchObject({ hint: 'Insert into "events".' });
		await expect(
			sql`insert into logline.events (topic, user_id, data) values ('a', '', '0')`
		).rejects.toMatchObject({ constraint_name: 'events_bounds_check', column_name: 'user_id' });
		await expect(
			sql`insert into logline.outbox (tx, topic, data) values ('3', 'a', '0')`
		).rejects.toMatchObject({ hint: 'Leave the columns "tx" and "n" out of the INSERT.' });

		await sql`insert into logline.outbox (topic, user_id, data, key) values ('a', 'ada', '3', 'three')`;
		await until(() => heard.includes('outbox '));
		expect(await sql`select moved, refused from logline.logline_relay()`).toEqual([
			{ moved: 1, refused: null }
		]);
		const [again] = await sql`
			select appended::text from logline.logline_append(null, '{a}', '{ada}', '{0}', '{three}')`;
		expect(again).toEqual({ appended: '{f}' });
		await sql`select logline.logline_probe(), logline.logline_settle(), logline.logline_ensure_partitions()`;
		expect(await sql`select topic, user_id, data from logline.events order by id`).toEqual([
			{ topic: 'a', user_id: 'ada', data: 1 },
			{ topic: 'a', user_id: null, data: 2 },
			{ topic: 'a', user_id: 'ada', data: 3 }
		]);
		await listener.stop();
	}));

test('a temporary table does not take the place of a table of the log', () =>
	withDatabase({}, async (_url, sql) => {
		await sql`create temporary table log_state (one boolean, place text)`;
		await sql`create temporary table outbox (like public.outbox)`;
		await sql`insert into events (topic, data) values ('a', '1')`;
		await sql`select logline_relay()`;
		expect(await sql`select place from log_state`).toEqual([]);
	}));

test('a person at psql is told what each table, column and function is for', () =>
	withDatabase({}, async (_url, sql) => {
		const silent = await sql<{ name: string }[]>`
			select c.oid::regclass::text as name from pg_class c
			where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
				and obj_description(c.oid, 'pg_class') is null
			union all
			select c.oid::regclass || '.' || attname from pg_class c join pg_attribute a on a.attrelid = c.oid
			where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
				and attnum > 0 and not attisdropped and col_description(c.oid, attnum) is null
			union all
			select oid::regprocedure::text from pg_proc
			where pronamespace = 'public'::regnamespace and obj_description(oid, 'pg_proc') is null`;
		expect(silent.map(({ name }) => name)).toEqual([]);
	}));

test('each function of the log finds its tables from any session', () =>
	withDatabase({ empty: true }, async (url, sql) => {
		await migrateLog(url, { schema: 'Log of "mine"' });
		const paths = await sql`
			select distinct array(select s from unnest(proconfig) as s where s like 'search_path=%') as proconfig from pg_proc where pronamespace = ${'"Log of ""mine"""'}::regnamespace
				-- Those that read no table stay without settings, so that Postgres can inline them.
				and provolatile <> 'i'`;
		expect(paths).toEqual([{ proconfig: ['search_path="Log of ""mine""", pg_temp'] }]);
	}));

test.each(['0.1.0'])('the tables of release %s are upgraded, and keep their rows', (release) =>
	withDatabase({ empty: true }, async (url, sql) => {
		const frozen = await readMigrations(`tests/database/frozen/${release}`);
		await migrateLog(url, { schema: 'logline', migrations: frozen });
		await sql`insert into logline.events (topic, user_id, data) values ('a', 'ada', '1'), ('a', null, '2')`;
		await sql`insert into logline.outbox (topic, data) values ('a', '3')`;

		const next = { name: '9999_next', text: 'ALTER TABLE events ADD COLUMN note text' };
		const { applied, unknown } = await migrateLog(url, {
			schema: 'logline',
			migrations: [...LOG_MIGRATIONS, next]
		});
		const names = (migrations: readonly { name: string }[]) => migrations.map(({ name }) => name);
		const before = names(frozen);
		const after = [...names(LOG_MIGRATIONS), next.name];
		expect({ applied, unknown }).toEqual({
			applied: after.filter((name) => !before.includes(name)),
			unknown: []
		});
		expect(await sql`select name from logline.logline_migrations order by name`).toEqual(
			after.map((name) => ({ name }))
		);
		await sql`select logline.logline_relay()`;
		expect(await sql`select data, user_id, note from logline.events order by id`).toEqual([
			{ data: 1, user_id: 'ada', note: null },
			{ data: 2, user_id: null, note: null },
			{ data: 3, user_id: null, note: null }
		]);
	})
);
