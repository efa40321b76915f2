import { resolve } from 'node:path';
import { openClient } from '$lib/server/database/client.ts';
import { describe } from '$lib/server/database/address.ts';
import { requireSession } from '$lib/server/database/session.ts';
import { waitForDatabase } from '$lib/server/database/wait.ts';
import { applyMigrations, readMigrations, type Migrated } from './ledger.ts';

/** Oldest supported PostgreSQL version. */
const OLDEST = 15;

/**
 * Time limit for one statement, in milliseconds. It must allow for an index on a large log, and for waiting while another
 * host migrates.
 */
const MIGRATION_MS = 15 * 60_000;

/**
 * Applies all missing migrations of `migrations/` to a database. Does nothing when the database is up to date. Safe to run
 * in several processes and on several hosts at once. Waits for a database that is starting.
 *
 * @param options.timeoutMs how long to wait for the database, in milliseconds
 * @param options.folder folder of the migrations; default: `migrations/` in the working directory
 * @returns the applied migrations
 * @throws Error when the database cannot be reached or is too old, or when a migration was changed after it had been
 *   applied, or fails. The migrations before a failed one stay applied; of the failed one nothing is applied.
 */
export async function migrate(
	url: string,
	options: { timeoutMs?: number; folder?: string } = {}
): Promise<Migrated> {
	const migrations = await readMigrations(resolve(options.folder ?? 'migrations'));
	// One connection, because it holds the lock.
	const sql = openClient(url, { max: 1, name: 'migrate', answerMs: MIGRATION_MS });
	try {
		await waitForDatabase(sql, url, options.timeoutMs ?? 30_000);
		await requireSession(url);
		const [server] = await sql<{ version: string; number: number }[]>`
			select current_setting('server_version') as version, current_setting('server_version_num')::int as number`;
		if (!server || server.number < OLDEST * 10_000) {
			throw new Error(
				`${describe(url)} is PostgreSQL ${server?.version ?? '?'}. Logline needs ${OLDEST} or newer.`
			);
		}
		await sql`select pg_advisory_lock(hashtextextended('logline.migrate', 0))`;
		return await applyMigrations(sql, migrations);
	} finally {
		await sql.end({ timeout: 5 });
	}
}
