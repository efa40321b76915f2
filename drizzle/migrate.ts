import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';
import { openClient } from '$lib/server/database/client.ts';
import { describe, waitForDatabase } from '$lib/server/database/wait.ts';

/** Oldest PostgreSQL that has all we use. */
const OLDEST = 15;

/**
 * Brings a database up to date with `migrations/`. Does nothing when it is; safe from several processes and hosts at once.
 * Waits for a database that is just starting.
 *
 * @param options.timeoutMs milliseconds to wait for the database to answer
 * @param options.folder the migrations; `migrations/` where the process was started
 * @throws Error when the database cannot be reached or is too old, or when a migration fails: then none of those that were
 *   due has been applied.
 */
export async function migrate(
	url: string,
	options: { timeoutMs?: number; folder?: string } = {}
): Promise<void> {
	const folder = resolve(options.folder ?? 'migrations');
	if (!existsSync(resolve(folder, 'meta/_journal.json'))) {
		throw new Error(
			`No migrations in ${folder}. Start Logline from the folder of its package.json.`
		);
	}
	// One connection, because the lock belongs to it.
	const sql = openClient(url, { max: 1, name: 'migrate' });
	try {
		await waitForDatabase(sql, url, options.timeoutMs ?? 30_000);
		const [server] = await sql<{ version: string; number: number }[]>`
			select current_setting('server_version') as version, current_setting('server_version_num')::int as number`;
		if (!server || server.number < OLDEST * 10_000) {
			throw new Error(
				`${describe(url)} is PostgreSQL ${server?.version ?? '?'}. Logline needs ${OLDEST} or newer.`
			);
		}
		// drizzle's migrator takes no lock of its own.
		await sql`select pg_advisory_lock(hashtextextended('logline.migrate', 0))`;
		await applyMigrations(drizzle(sql), { migrationsFolder: folder });
	} finally {
		await sql.end({ timeout: 5 });
	}
}
