import type { Sql } from '../database/client.ts';
import { applyMigrations, type Migrated, type Migration } from './ledger.ts';
import { whileMigrating } from './migrating.ts';
import { LOG_MIGRATIONS } from './migrations.ts';

/** The ledger of the log's migrations. */
const LEDGER = 'logline_migrations';

/** Where the log's tables are, and which they are. */
export interface LogSchema {
	/** Schema of the log's tables. It is created if it is missing. Default `public`. */
	schema?: string | undefined;
	/** Replaced in tests. Default: the migrations that the library brings with it. */
	migrations?: readonly Migration[];
}

/**
 * Brings the log's tables and functions up to date. Does nothing when they are. Safe to run in several processes and on
 * several hosts at once. Waits for a database that is starting. It does not touch the app's tables and migrations.
 *
 * @param options.timeoutMs how long to wait for the database, in milliseconds; default 30,000
 * @returns the applied migrations
 * @throws Error when the database cannot be reached or is too old, when the log is from before the first release, or when a
 *   migration was changed after it was applied, or fails. The migrations before a failed one stay applied; of the failed one
 *   nothing is applied.
 */
export function migrateLog(
	url: string,
	options: LogSchema & { timeoutMs?: number } = {}
): Promise<Migrated> {
	return whileMigrating(url, options, (sql) => migrateLogOn(sql, options));
}

/**
 * The same on a connection that holds the migration lock.
 *
 * @param sql one connection; afterwards it has its own `search_path` again
 */
export async function migrateLogOn(
	sql: Sql,
	{ schema = 'public', migrations = LOG_MIGRATIONS }: LogSchema = {}
): Promise<Migrated> {
	const [found] = await sql<{ there: boolean }[]>`
		select exists (select from pg_namespace where nspname = ${schema}) as there`;
	if (!found!.there) await sql`create schema ${sql(schema)}`;
	// The functions keep this path. `pg_temp` comes last, so that a temporary table cannot take the place of a table of the
	// log. https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY
	await sql`select set_config('search_path', format('%I, pg_temp', ${schema}::text), false)`;
	await refuseOlder(sql);
	const migrated = await applyMigrations(sql, LEDGER, migrations);
	await sql`reset search_path`;
	return migrated;
}

/** A log from before the first release has other tables, and its migrations have other names. */
async function refuseOlder(sql: Sql): Promise<void> {
	const [log] = await sql<{ older: boolean }[]>`
		select case when to_regclass(${LEDGER}) is null then to_regclass('log_state') is not null
			else exists (
				select from pg_attribute where attrelid = to_regclass('events')
					and attname = 'user_id' and atttypid = 'bigint'::regtype
			) end as older`;
	if (!log!.older) return;
	throw new Error(
		'This database is from before the first release of Logline and cannot be upgraded: drop it (the embedded one: stop everything that uses it and move .data away) and start again.'
	);
}
