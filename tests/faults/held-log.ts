import type { Sql } from '../../src/lib/server/database/client.ts';
import { until } from '../support/until.ts';

/** Connections of the application to Postgres with that name. */
export const backends = (sql: Sql, name: string) =>
	sql<{ pid: number; waits: boolean }[]>`
		select pid, wait_event_type is not distinct from 'Lock' as waits from pg_stat_activity
		where datname = current_database() and application_name = ${`logline ${name}`}`;

/** A statement of that connection is under way, and waits for the log. */
export const underWay = (sql: Sql, name: string) =>
	until(async () => (await backends(sql, name)).find(({ waits }) => waits), {
		what: `the ${name} waits for the log`
	});

/**
 * Holds the lock that everybody needs who writes to the log, while `work` goes on. Work that kills Postgres ends the session
 * that holds it, and is not over yet then.
 */
export async function withLogHeld(sql: Sql, work: () => Promise<void>): Promise<void> {
	let working: Promise<void> | undefined;
	await sql
		.begin(async (tx) => {
			await tx`lock table log_state in exclusive mode`;
			await (working = work());
		})
		.catch((error: unknown) => {
			if (!working) throw error;
		});
	await working;
}
