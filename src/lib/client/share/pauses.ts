/** Moments at which the browser stops a page, and lets it go on. */
export interface PauseEvents {
	/** The page is frozen, kept for the way back, or closed. */
	onPause(): void;
	/** A frozen page goes on. One that was kept is told as restored, see `listenForWake`. */
	onResume(): void;
}

/**
 * Listens for {@link PauseEvents}.
 *
 * @returns a function that stops listening
 */
export function listenForPauses(events: PauseEvents): () => void {
	if (typeof window === 'undefined' || typeof document === 'undefined') return () => {};
	const listening = new AbortController();
	const { signal } = listening;
	window.addEventListener('pagehide', () => events.onPause(), { signal });
	document.addEventListener('freeze', () => events.onPause(), { signal });
	document.addEventListener('resume', () => events.onResume(), { signal });
	return () => listening.abort();
}
