/** Moments at which a browser's network or page goes or comes back. */
export interface WakeEvents {
	onOnline(): void;
	onOffline(): void;
	/** The tab is visible again. */
	onVisible(): void;
	/** The page came back from the back/forward cache, where its connections were cut. */
	onRestored(): void;
}

/** @returns true when the page is visible; a script without a page counts as hidden */
export function isSeen(): boolean {
	return typeof document !== 'undefined' && document.visibilityState === 'visible';
}

/**
 * Listens for {@link WakeEvents}. Does nothing where there is no window (a script).
 *
 * @returns a function that stops listening
 */
export function listenForWake(events: WakeEvents): () => void {
	if (typeof window === 'undefined' || typeof document === 'undefined') return () => {};
	const listening = new AbortController();
	const { signal } = listening;
	window.addEventListener('online', () => events.onOnline(), { signal });
	window.addEventListener('offline', () => events.onOffline(), { signal });
	window.addEventListener(
		'pageshow',
		(event) => {
			if (event.persisted) events.onRestored();
		},
		{ signal }
	);
	document.addEventListener(
		'visibilitychange',
		() => {
			if (document.visibilityState === 'visible') events.onVisible();
		},
		{ signal }
	);
	return () => listening.abort();
}
