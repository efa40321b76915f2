import { arrayLiteral } from '../database/array-literal.ts';
import type { PgSession } from '../database/pg-session.ts';
import { applyMigrations, type Migrated, type Migration } from './ledger.ts';
import { whileMigrating, type Waiting } from './migrating.ts';
import { LOG_MIGRATIONS } from './migrations.ts';
import { checkSchemaName, DEFAULT_SCHEMA, schemaSettings } from './schema-name.ts';

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
 * @returns the applied migrations
 * @throws Error when the database cannot be reached or is too old, when its schema has other tables of the same names, when
 *   the log is from before the first release, or when a migration was changed after it was applied, or fails. The migrations before a failed one stay applied; of the failed one
 *   nothing is applied.
 */
export function migrateLog(url: string, options: LogSchema & Waiting = {}): Promise<Migrated> {
	return whileMigrating(url, options, (on) => migrateLogOn(on, options));
}

/**
 * The same on a session that holds the migration lock.
 *
 * @param on the session; afterwards it has its own `search_path` again
 */
export async function migrateLogOn(
	on: PgSession,
	{ schema = DEFAULT_SCHEMA, migrations = LOG_MIGRATIONS }: LogSchema = {}
): Promise<Migrated> {
	checkSchemaName(schema);
	const [found] = await on.query<{ there: boolean; create: string }>(
		`SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1) AS there,
			format('CREATE SCHEMA %I', $1::text) AS create`,
		[schema]
	);
	if (!found!.there) await on.run(found!.create);
	// The functions keep this path. https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY
	const { search_path: path } = schemaSettings(schema);
	await on.query(`SELECT set_config('search_path', $1, false)`, [path]);
	await refuseOlder(on);
	await refuseOthers(on, schema);
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

/** The log's tables with names that an application may also use. */
const COMMON_NAMES = ['events', 'outbox'];

/** Before the first migration, the schema must have no tables of the application with the log's names. */
async function refuseOthers(on: PgSession, schema: string): Promise<void> {
	const others = await on.query<{ name: string }>(
		`SELECT relname AS name FROM pg_class
		WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
			AND relname = ANY ($2::text[]) AND to_regclass($3) IS NULL
		ORDER BY relname`,
		[schema, arrayLiteral(COMMON_NAMES), LEDGER]
	);
	if (others.length === 0) return;
	throw new Error(
		`The schema ${schema} has a table of yours called ${others.map(({ name }) => name).join(' and ')}, as the log wants one. Give the log another schema: createLogline({ schema: 'logline', … }).`
	);
}
