/** What a client must read, and as which user. */
export interface Reading {
	url: string;
	/** Names of the events to listen for. */
	topics: string[];
	/** Empty in a browser, which has the cookie. */
	headers: Record<string, string>;
}

/** One event as the library delivers it. The id is '' when the library does not expose it. */
export interface Taken {
	id: string;
	topic: string;
	data: string;
}

/** Ends a client. */
export type Close = () => unknown;

/**
 * Starts a client. `over` is called when the library reports that it will not reconnect. If it reports nothing, the test
 * waits for it.
 */
export type Open = (reading: Reading, take: (event: Taken) => void, over: () => void) => Close;

/** A third-party library. */
export interface ForeignClient {
	/** First cell of its row in docs/protocol.md, without the version. */
	name: string;
	/** Folder in node_modules; null: it is part of the platform. */
	package: string | null;
	where: 'Chromium' | 'Node';
	/** Used as its documentation shows. */
	plain: Open;
	/** Used as docs/protocol.md advises. null: there is no way to make it safe. Absent: it needs no change. */
	safe?: Open | null;
	/** True: it accepts request headers, so that a page can begin with its own `Last-Event-ID`. */
	headers?: true;
}
