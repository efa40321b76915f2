import { describe } from '../database/address.ts';
import { PgSession } from '../database/pg-session.ts';
import { Route } from '../database/route.ts';
import { requireSession } from '../database/session.ts';
import { SoleConnection } from '../database/sole-connection.ts';
import { waitForDatabase } from '../database/wait.ts';

/** Oldest supported PostgreSQL version. */
const OLDEST = 15;

/**
 * Time limit for one statement, in milliseconds. It must allow for an index on a large log, and for waiting while another
 * host migrates.
 */
const MIGRATION_MS = 15 * 60_000;

/** How to wait for a database that is starting. */
export interface Waiting {
	/** How long to wait, in milliseconds. Default 30,000. */
	timeoutMs?: number | undefined;
	/** Called from time to time with one line that says what is waited for. Default: it is printed. */
	notice?: ((line: string) => void) | undefined;
}

/** How long to wait for the database by default, in milliseconds. */
const WAIT_MS = 30_000;

/**
 * Opens one session that holds the migration lock, does the work on it, and closes it. Waits for a database that is
 * starting, and while another host migrates.
 *
 * @throws Error when the database cannot be reached, is too old, or is behind a pooler in transaction mode; errors of `work`
 */
export async function whileMigrating<T>(
	url: string,
	options: Waiting,
	work: (on: PgSession) => Promise<T>
): Promise<T> {
	const first = new SoleConnection(url, { name: 'migrate' });
	try {
		await waitForDatabase(first, url, options.timeoutMs ?? WAIT_MS, options.notice);
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
		return await work(on);
	} finally {
		await on.end(5000);
	}
}
