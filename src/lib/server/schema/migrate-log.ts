import type { PgSession } from '../database/pg-session.ts';
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
	return whileMigrating(url, options, (on) => migrateLogOn(on, options));
}

/**
 * The same on a session that holds the migration lock.
 *
 * @param on the session; afterwards it has its own `search_path` again
 */
export async function migrateLogOn(
	on: PgSession,
	{ schema = 'public', migrations = LOG_MIGRATIONS }: LogSchema = {}
): Promise<Migrated> {
	const [found] = await on.query<{ there: boolean; path: string; create: string }>(
		`SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1) AS there,
			format('%I, pg_temp', $1::text) AS path, format('CREATE SCHEMA %I', $1::text) AS create`,
		[schema]
	);
	if (!found!.there) await on.run(found!.create);
	// The functions keep this path. `pg_temp` comes last, so that a temporary table cannot take the place of a table of the
	// log. https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY
	await on.query(`SELECT set_config('search_path', $1, false)`, [found!.path]);
	await refuseOlder(on);
	const migrated = await applyMigrations(on, LEDGER, migrations);
	await on.run('RESET search_path');
	return migrated;
}

/** A log from before the first release has other tables, and its migrations have other names. */
async function refuseOlder(on: PgSession): Promise<void> {
	const [log] = await on.query<{ older: boolean }>(
		`SELECT CASE WHEN to_regclass($1) IS NULL THEN to_regclass('log_state') IS NOT NULL
			ELSE EXISTS (
				SELECT FROM pg_attribute WHERE attrelid = to_regclass('events')
					AND attname = 'user_id' AND atttypid = 'bigint'::regtype
			) END AS older`,
		[LEDGER]
	);
	if (!log!.older) return;
	throw new Error(
		'This database is from before the first release of Logline and cannot be upgraded: drop it (the embedded one: stop everything that uses it and move .data away) and start again.'
	);
}
