/**
 * Longest wait between two attempts while the page is visible, in milliseconds. The server may be back since the last
 * attempt.
 */
export const MAX_WAIT = 8_000;
/** Longest wait while the page is hidden, in milliseconds. A page that becomes visible tries at once. */
export const MAX_WAIT_UNSEEN = 30_000;

/**
 * Returns how long to wait before the next attempt: a random time from 0 up to a ceiling that doubles with each consecutive
 * failure ("full jitter"). So clients that lost the same server do not come back at the same moment.
 *
 * @param failures failed attempts since the last stable connection
 * @param wait ceiling of the first wait, in milliseconds
 * @param longest maximum of the ceiling, in milliseconds; a longer first wait wins
 * @param random returns a number in [0, 1)
 * @returns milliseconds
 */
export function backoffDelay(
	failures: number,
	wait: number,
	longest = MAX_WAIT,
	random = Math.random
): number {
	const ceiling = Math.min(wait * 2 ** Math.min(failures, 30), Math.max(longest, wait));
	return random() * ceiling;
}
