/** A longer request is given up, in milliseconds. */
const TIMEOUT_MS = 15_000;

/** The events of a part of the log that the viewer may see. */
export interface Between {
	/** Ascending. */
	ids: readonly string[];
	/** There are more: these are the newest. */
	more: boolean;
}

/** See `GET /api/between`. */
export interface BetweenQuery {
	topics: readonly string[];
	after: string;
	/** null: up to the newest. */
	upTo: string | null;
	limit: number;
}

/**
 * Asks the log which events the viewer may see after an id.
 *
 * @returns null when it could not be asked
 */
export async function readBetween(
	{ topics, after, upTo, limit }: BetweenQuery,
	fetcher: typeof fetch,
	signal: AbortSignal
): Promise<Between | null> {
	const query = new URLSearchParams(topics.map((topic) => ['topics', topic]));
	query.set('after', after);
	query.set('limit', String(limit));
	if (upTo !== null) query.set('upTo', upTo);
	try {
		const waiting = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
		const response = await fetcher(`/api/between?${query}`, { signal: waiting });
		return response.ok ? ((await response.json()) as Between) : null;
	} catch (error) {
		// The server is away, which is what this page is for; or the page has gone.
		if (!signal.aborted) console.debug('The log could not be asked', error);
		return null;
	}
}
