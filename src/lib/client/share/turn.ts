import { takeLock, type Locks } from './locks.ts';

/** Only one tab at a time catches up, whatever streams the tabs have. */
const TURN = 'logline:catch-up';
/** Nobody waits longer for a turn: the tab whose turn it is may stand still. Milliseconds. */
const LONGEST_WAIT = 15_000;

/**
 * Waits until this tab may catch up, but not for ever.
 *
 * @param over ends the wait
 * @returns a function that ends the turn
 */
export async function takeTurn(locks: Locks, over: AbortSignal): Promise<() => void> {
	const waiting = new AbortController();
	const { signal } = waiting;
	const stop = () => waiting.abort();
	const timer = setTimeout(stop, LONGEST_WAIT);
	over.addEventListener('abort', stop, { once: true });
	try {
		return (await takeLock(locks, TURN, { signal })) ?? (() => {});
	} finally {
		clearTimeout(timer);
		over.removeEventListener('abort', stop);
	}
}
