import { setTimeout as pause } from 'node:timers/promises';
import type { Sql } from './client.ts';
import { isTransient } from './transient.ts';

/**
 * Resolves when the database answers a query.
 *
 * @param timeoutMs milliseconds to go on trying
 * @throws Error that names the server and the last reason, never the password.
 */
export async function waitForDatabase(
	sql: Sql,
	url: string,
	timeoutMs: number,
	signal?: AbortSignal
): Promise<void> {
	const deadline = Date.now() + timeoutMs;
	for (;;) {
		try {
			await sql`select 1`;
			return;
		} catch (error) {
			signal?.throwIfAborted();
			const reason = error instanceof Error && error.message ? error.message : String(error);
			if (!isTransient(error)) {
				throw new Error(`The database ${describe(url)} refuses us: ${reason}`, { cause: error });
			}
			if (Date.now() >= deadline) {
				throw new Error(
					`The database ${describe(url)} did not answer within ${Math.round(timeoutMs / 1000)} s: ${reason}`,
					{ cause: error }
				);
			}
		}
		await pause(100, undefined, { signal });
	}
}

/** The server and database of a connection string, without user and password. */
export function describe(url: string): string {
	const { hostname, port, pathname } = new URL(url);
	return `${hostname}:${port || '5432'}${pathname}`;
}
