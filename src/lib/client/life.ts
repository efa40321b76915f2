import type { StreamRefused } from './refusal.ts';

export type LinkStatus = 'idle' | 'connecting' | 'connected' | 'error';

export interface LinkState {
	status: LinkStatus;
	/** The last error, until a connection opens. */
	error: Error | null;
	/** When the next attempt is due, in milliseconds since 1970. null: none is scheduled. */
	retryAt: number | null;
	/** The connection looks open but has missed a keep-alive. */
	suspect: boolean;
	/** What holds the stream up, or did last. null: nothing, or it is live again. */
	condition: Condition | null;
}

/** The state of a link that was not opened yet. */
export const AT_FIRST: Readonly<LinkState> = {
	status: 'idle',
	error: null,
	retryAt: null,
	suspect: false,
	condition: null
};

/** What can happen to the stream of a page. */
export type Condition =
	// The page.
	/** It leaves the screen for another page, perhaps into the back/forward cache. */
	| 'cached'
	/** It came back from that cache. */
	| 'restored'
	| 'hidden'
	/** It is visible again. */
	| 'seen'
	/** Its timers stood still: the computer slept, or the browser froze the tab. */
	| 'asleep'
	// The network.
	| 'offline'
	| 'online'
	/** A keep-alive is overdue. */
	| 'quiet'
	/** Nothing came for so long that the connection counts as dead. */
	| 'silent'
	/** An open connection ended without a word. */
	| 'lost'
	/** An attempt got no response. */
	| 'unreachable'
	// The response to an attempt.
	/** It was no stream, which is all that an EventSource tells. */
	| 'refused'
	/** The client has asked why, and would get a stream now. */
	| 'accepted'
	/** Somebody in between has responded: a hotel's sign-in page, a proxy's error page with status 200. */
	| 'intercepted'
	/** 401. */
	| 'unauthorized'
	/** 403: no topic is left that the viewer may see. */
	| 'forbidden'
	/** 429: too many streams or attempts. */
	| 'limited'
	/** 503, from a server that is shutting down. */
	| 'drained'
	/** Any other 5xx: a proxy without a server behind it, a server without a database. */
	| 'unavailable'
	/** Any other 4xx. */
	| 'rejected'
	/** The address of the stream is none. */
	| 'invalid'
	// What the server says on an open stream.
	/** `timeout`: the stream is old, and another one takes its place. */
	| 'renewed'
	/** A topic is not carried, or no longer. */
	| 'denied'
	/** The session ended. */
	| 'signed-out';

/** What the client does about a {@link Condition}. */
export type Step =
	| 'nothing'
	/** It opens a new connection at once, in place of the one it has. The next waits are short again. */
	| 'connect'
	/** The same, except when it has a connection that nothing speaks against. */
	| 'check'
	/** It opens a new connection at once. The waits stay as long as they are. */
	| 'retry'
	/** It opens a new connection: at once, or after a wait when the last one was just opened. */
	| 'renew'
	/** It drops the connection, and tries again after a wait that doubles with each failure. */
	| 'wait'
	/** The same, and it asks the server meanwhile why it refused. */
	| 'ask'
	/** It tries again when the server allows it, and not before the wait is over. */
	| 'obey'
	/** It keeps the connection, and tells that it may be dead. */
	| 'doubt'
	/** It trusts the connection no longer than the network is away. An attempt that is scheduled waits for the network. */
	| 'hold'
	/** It drops the connection and schedules nothing: a page in the cache has no timers. */
	| 'let-go'
	/** It keeps the connection. */
	| 'note'
	/** It ends. Only `connect()` begins anew. */
	| 'close';

/**
 * What the client does, for each condition in each of its states. `idle` is a client without a connection on request, so nothing
 * happens to it.
 */
export const LIFE: Readonly<Record<Condition, Readonly<Record<LinkStatus, Step>>>> = {
	cached: { idle: 'nothing', connecting: 'let-go', connected: 'let-go', error: 'let-go' },
	restored: { idle: 'nothing', connecting: 'connect', connected: 'connect', error: 'connect' },
	// A hidden page stays live: its title and its sounds may tell what comes. Only its waits are longer.
	hidden: { idle: 'nothing', connecting: 'nothing', connected: 'nothing', error: 'nothing' },
	seen: { idle: 'nothing', connecting: 'check', connected: 'check', error: 'check' },
	asleep: { idle: 'nothing', connecting: 'nothing', connected: 'doubt', error: 'nothing' },

	offline: { idle: 'nothing', connecting: 'hold', connected: 'hold', error: 'hold' },
	online: { idle: 'nothing', connecting: 'check', connected: 'check', error: 'check' },
	quiet: { idle: 'nothing', connecting: 'nothing', connected: 'doubt', error: 'nothing' },
	silent: { idle: 'nothing', connecting: 'wait', connected: 'wait', error: 'nothing' },
	lost: { idle: 'nothing', connecting: 'wait', connected: 'wait', error: 'nothing' },
	unreachable: { idle: 'nothing', connecting: 'wait', connected: 'wait', error: 'nothing' },

	// Before a new attempt, the client stops asking why the last one was refused. So no answer comes late.
	refused: { idle: 'nothing', connecting: 'ask', connected: 'wait', error: 'nothing' },
	accepted: { idle: 'nothing', connecting: 'nothing', connected: 'nothing', error: 'retry' },
	intercepted: { idle: 'nothing', connecting: 'nothing', connected: 'nothing', error: 'obey' },
	unauthorized: { idle: 'nothing', connecting: 'close', connected: 'close', error: 'close' },
	forbidden: { idle: 'nothing', connecting: 'nothing', connected: 'nothing', error: 'obey' },
	limited: { idle: 'nothing', connecting: 'nothing', connected: 'nothing', error: 'obey' },
	drained: { idle: 'nothing', connecting: 'nothing', connected: 'nothing', error: 'obey' },
	unavailable: { idle: 'nothing', connecting: 'nothing', connected: 'nothing', error: 'obey' },
	rejected: { idle: 'nothing', connecting: 'nothing', connected: 'nothing', error: 'obey' },
	invalid: { idle: 'nothing', connecting: 'close', connected: 'close', error: 'close' },

	renewed: { idle: 'nothing', connecting: 'renew', connected: 'renew', error: 'nothing' },
	denied: { idle: 'nothing', connecting: 'note', connected: 'note', error: 'nothing' },
	'signed-out': { idle: 'nothing', connecting: 'close', connected: 'close', error: 'close' }
};

/** @returns which condition a refusal is */
export function conditionOf({ status, code }: Pick<StreamRefused, 'status' | 'code'>): Condition {
	if (status < 400) return 'intercepted';
	if (status === 401) return 'unauthorized';
	if (status === 403) return 'forbidden';
	if (status === 429) return 'limited';
	if (status < 500) return 'rejected';
	return code === 'draining' ? 'drained' : 'unavailable';
}
