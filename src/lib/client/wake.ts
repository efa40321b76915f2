/** Moments at which a browser's network or page comes back. */
export interface WakeEvents {
	onOnline(): void;
	onOffline(): void;
	/** The tab is looked at again. */
	onVisible(): void;
	/** The page came back out of the back/forward cache, where its connections were cut. */
	onRestored(): void;
}

/**
 * Listens for {@link WakeEvents}. Where there is no window (a script) it does nothing.
 *
 * @returns how to stop
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
