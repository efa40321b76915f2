/** Longest wait between two attempts, in milliseconds, however often they have failed. */
export const MAX_WAIT = 30_000;

/**
 * How long to wait before the next attempt: anything from 0 up to a ceiling that doubles with each failure in a row
 * ("full jitter"), so that clients that lost the same server do not come back at the same moment.
 *
 * @param failures attempts that have failed since the last connection that held
 * @param wait ceiling of the first wait in milliseconds
 * @param random gives a number in [0, 1)
 * @returns milliseconds
 */
export function backoffDelay(failures: number, wait: number, random = Math.random): number {
	const ceiling = Math.min(wait * 2 ** Math.min(failures, 30), Math.max(MAX_WAIT, wait));
	return random() * ceiling;
}
