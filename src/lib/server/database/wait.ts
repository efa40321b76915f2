import { setTimeout as pause } from 'node:timers/promises';
import type { Sql } from './client.ts';

/** What a database that is away, starting or stopping answers, as against one that will never let us in. */
const PASSING = new Set([
	'ECONNREFUSED',
	'ECONNRESET',
	'EPIPE',
	'ETIMEDOUT',
	'EHOSTUNREACH',
	'ENETUNREACH',
	'ENOTFOUND',
	'EAI_AGAIN',
	'CONNECT_TIMEOUT',
	'CONNECTION_CLOSED',
	'57P01', // being shut down
	'57P02', // crashed, restarting
	'57P03', // starting
	'53300' // too many connections
]);

/** Whether the error says that the database cannot be reached now but may be later. */
export function isPassing(error: unknown): boolean {
	const { code } = error as { code?: unknown };
	return typeof code === 'string' && PASSING.has(code);
}

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
			if (!isPassing(error)) {
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
