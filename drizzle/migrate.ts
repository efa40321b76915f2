import { resolve } from 'node:path';
import { describe } from '$lib/server/database/address.ts';
import { PgSession } from '$lib/server/database/pg-session.ts';
import { Route } from '$lib/server/database/route.ts';
import { requireSession } from '$lib/server/database/session.ts';
import { SoleConnection } from '$lib/server/database/sole-connection.ts';
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
	const first = new SoleConnection(url, { name: 'migrate' });
	try {
		await waitForDatabase(first, url, options.timeoutMs ?? 30_000);
	} finally {
		await first.end();
	}
	await requireSession(url);
	// One session, because it holds the lock. When it is lost, the rest is refused.
	const on = await PgSession.open(new Route(url), { name: 'migrate', answerMs: MIGRATION_MS });
	try {
		const [server] = await on.query<{ version: string; number: number }>(
			`SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number`,
			[]
		);
		if (!server || server.number < OLDEST * 10_000) {
			throw new Error(
				`${describe(url)} is PostgreSQL ${server?.version ?? '?'}. Logline needs ${OLDEST} or newer.`
			);
		}
		await on.query(`SELECT pg_advisory_lock(hashtextextended('logline.migrate', 0))`, []);
		return await applyMigrations(on, migrations);
	} finally {
		await on.end(5000);
	}
}
