import { setTimeout as pause } from 'node:timers/promises';
import { describe } from './address.ts';
import type { Queryable } from './queryable.ts';
import { isPooler, poolerError } from './session.ts';
import { isTransient } from './transient.ts';

/** When the first line about the wait is printed, and the time between later lines. Milliseconds. */
const FIRST_LINE = 2000;
const NEXT_LINES = 10_000;

/**
 * Resolves when the database returns the result of a query.
 *
 * @param timeoutMs how long to try, in milliseconds
 * @param notice called from time to time with one line that says what is waited for
 * @throws Error with the servers and the last reason, never the password
 */
export async function waitForDatabase(
	on: Queryable,
	url: string,
	timeoutMs: number,
	notice: (line: string) => void = (line) => console.log(line)
): Promise<void> {
	const started = performance.now();
	let reason: string | null = null;
	let timer: NodeJS.Timeout | undefined;
	const tell = () => {
		const seconds = Math.round((performance.now() - started) / 1000);
		notice(
			`Waiting for the database ${describe(url)} (${seconds} s): ${reason ?? 'no answer yet'}`
		);
		timer = setTimeout(tell, NEXT_LINES);
	};
	timer = setTimeout(tell, FIRST_LINE);
	try {
		for (;;) {
			try {
				await on.query('SELECT 1', []);
				return;
			} catch (error) {
				reason = reasonOf(error);
				if (isPooler(error)) throw poolerError(url, error);
				if (!isTransient(error)) {
					throw new Error(`The database ${describe(url)} refuses us: ${reason}`, { cause: error });
				}
				if (performance.now() - started >= timeoutMs) {
					throw new Error(
						`The database ${describe(url)} did not answer within ${Math.round(timeoutMs / 1000)} s: ${reason}`,
						{ cause: error }
					);
				}
			}
			await pause(100);
		}
	} finally {
		clearTimeout(timer);
	}
}

/** When a host has several addresses, Node reports an AggregateError, which has no message. */
function reasonOf(error: unknown): string {
	if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
	return error instanceof Error && error.message ? error.message : String(error);
}
