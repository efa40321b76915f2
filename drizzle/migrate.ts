import { resolve } from 'node:path';
import { applyMigrations, type Migrated } from '$lib/server/schema/ledger.ts';
import { migrateLogOn } from '$lib/server/schema/migrate-log.ts';
import { whileMigrating } from '$lib/server/schema/migrating.ts';
import { readMigrations } from './read-migrations.ts';

/** The ledger of the app's own migrations. */
const LEDGER = 'app_migrations';

/**
 * Applies all missing migrations to a database: first the log's, which the library brings with it, then the app's own from
 * `migrations/`. Does nothing when the database is up to date. Safe to run in several processes and on several hosts at
 * once. Waits for a database that is starting.
 *
 * @param options.timeoutMs how long to wait for the database, in milliseconds
 * @param options.folder folder of the app's migrations; default: `migrations/` in the working directory
 * @returns the applied migrations; the names of the log's begin with `log/`
 * @throws Error when the database cannot be reached or is too old, or when a migration was changed after it had been
 *   applied, or fails. The migrations before a failed one stay applied; of the failed one nothing is applied.
 */
export async function migrate(
	url: string,
	options: { timeoutMs?: number; folder?: string } = {}
): Promise<Migrated> {
	const migrations = await readMigrations(resolve(options.folder ?? 'migrations'));
	return whileMigrating(url, options, async (sql) => {
		const log = await migrateLogOn(sql);
		// Their statements name no schema, but their references do.
		await sql.query(`SELECT set_config('search_path', 'public', false)`, []);
		const app = await applyMigrations(sql, LEDGER, migrations);
		const ofLog = (name: string) => `log/${name}`;
		return {
			applied: [...log.applied.map(ofLog), ...app.applied],
			unknown: [...log.unknown.map(ofLog), ...app.unknown]
		};
	});
}
