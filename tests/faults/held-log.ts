import type { Sql } from '../../src/app/driver-client.ts';
import { until } from '../support/until.ts';

/** Returns the application's connections to Postgres with that name. */
export const backends = (sql: Sql, name: string) =>
	sql<{ pid: number; waits: boolean }[]>`
		select pid, wait_event_type is not distinct from 'Lock' as waits from pg_stat_activity
		where datname = current_database() and application_name = ${`logline ${name}`}`;

/** Waits until a statement of that connection waits for the log's lock. */
export const underWay = (sql: Sql, name: string) =>
	until(async () => (await backends(sql, name)).find(({ waits }) => waits), {
		what: `the ${name} waits for the log`
	});

/**
 * Holds the log's lock, which every writer needs, while `work` runs. If `work` kills Postgres, the session with the lock
 * ends too, but `work` continues.
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
