import { describe } from '../database/address.ts';
import { openClient, type Sql } from '../database/client.ts';
import { requireSession } from '../database/session.ts';
import { waitForDatabase } from '../database/wait.ts';

/** Oldest supported PostgreSQL version. */
const OLDEST = 15;

/**
 * Time limit for one statement, in milliseconds. It must allow for an index on a large log, and for waiting while another
 * host migrates.
 */
const MIGRATION_MS = 15 * 60_000;

/** How long to wait for the database by default, in milliseconds. */
const WAIT_MS = 30_000;

/**
 * Opens one connection that holds the migration lock, does the work on it, and closes it. Waits for a database that is
 * starting, and while another host migrates.
 *
 * @param options.timeoutMs how long to wait for the database, in milliseconds; default 30,000
 * @throws Error when the database cannot be reached, is too old, or is behind a pooler in transaction mode; errors of `work`
 */
export async function whileMigrating<T>(
	url: string,
	options: { timeoutMs?: number | undefined },
	work: (sql: Sql) => Promise<T>
): Promise<T> {
	// One connection, because it holds the lock.
	const sql = openClient(url, { max: 1, name: 'migrate', answerMs: MIGRATION_MS });
	try {
		await waitForDatabase(sql, url, options.timeoutMs ?? WAIT_MS);
		await requireSession(url);
		const [server] = await sql<{ version: string; number: number }[]>`
			select current_setting('server_version') as version, current_setting('server_version_num')::int as number`;
		if (!server || server.number < OLDEST * 10_000) {
			throw new Error(
				`${describe(url)} is PostgreSQL ${server?.version ?? '?'}. Logline needs ${OLDEST} or newer.`
			);
		}
		await sql`select pg_advisory_lock(hashtextextended('logline.migrate', 0))`;
		return await work(sql);
	} finally {
		await sql.end({ timeout: 5 });
	}
}
