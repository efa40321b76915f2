import type { Condition } from './life.ts';

/** What the browser tells a page about itself and its network. */
export type BrowserCondition = Extract<
	Condition,
	'online' | 'offline' | 'cached' | 'restored' | 'hidden' | 'seen'
>;

/** @returns true when the page is visible; a script without a page counts as hidden */
export function isSeen(): boolean {
	return typeof document !== 'undefined' && document.visibilityState === 'visible';
}

/**
 * Tells of each {@link BrowserCondition}. Does nothing where there is no window (a script).
 *
 * @returns a function that stops listening
 */
export function listenForWake(meet: (condition: BrowserCondition) => void): () => void {
	if (typeof window === 'undefined' || typeof document === 'undefined') return () => {};
	const listening = new AbortController();
	const { signal } = listening;
	window.addEventListener('online', () => meet('online'), { signal });
	window.addEventListener('offline', () => meet('offline'), { signal });
	// Also when the browser says that it will not keep the page: it decides again later, and keeps none with open connections.
	window.addEventListener('pagehide', () => meet('cached'), { signal });
	window.addEventListener(
		'pageshow',
		(event) => {
			if (event.persisted) meet('restored');
		},
		{ signal }
	);
	document.addEventListener('visibilitychange', () => meet(isSeen() ? 'seen' : 'hidden'), {
		signal
	});
	return () => listening.abort();
}
