import type { EventSourceConstructor } from '../source.ts';
import type { Locks } from './locks.ts';

/** What sharing needs of the browser. */
export interface ShareBrowser {
	locks: Locks;
	BroadcastChannel: typeof BroadcastChannel;
	EventSource: EventSourceConstructor;
	/** Address of the page. */
	page: string;
}

/**
 * @returns null where the client must not share, or the browser cannot: no Web Locks (a page without https, an old browser, a script), or a stream of
 *   another origin
 */
export function browserFor(
	url: string,
	{ share = true, eventSource }: { share?: boolean; eventSource?: unknown }
): ShareBrowser | null {
	if (!share || eventSource) return null;
	const { EventSource, BroadcastChannel, navigator, location } = globalThis;
	const locks = navigator?.locks;
	if (!EventSource || !BroadcastChannel || !locks || !location) return null;
	if (!URL.canParse(url, location.href)) return null;
	if (new URL(url, location.href).origin !== location.origin) return null;
	return { locks, BroadcastChannel, EventSource, page: location.href };
}
