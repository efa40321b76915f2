import type { CaughtUp, Gap, SSETopicsMap } from '$lib/protocol';
import type { EventSourceConstructor } from './connection.ts';
import type { TopicHandler } from './subscriptions.ts';

/** Name of a topic of the map. */
export type TopicOf<TTopics> = Extract<keyof TTopics, string>;

/**
 * Topic → handler. A handler sees each event of its topic exactly once, in the order of ids. An event whose handler throws
 * counts as handled: the error is reported (`reportError`, or the console) and the stream goes on.
 */
export type TopicHandlers<TTopics = SSETopicsMap> = {
	[K in TopicOf<TTopics>]?: TopicHandler<TTopics[K]>;
};

/** Change of the topics of a running client; see `SSEClient.updateTopics`. */
export interface TopicsUpdate<TTopics = SSETopicsMap> {
	/** Topics to add: names (handlers as given before, at the start or since), or names with handlers. */
	addTopics?: readonly TopicOf<TTopics>[] | TopicHandlers<TTopics>;
	/** Topics to forget. Adding one again later replays it. */
	removeTopics?: readonly TopicOf<TTopics>[];
	/** All topics from now on (plus `addTopics`), with their handlers. */
	nextTopics?: TopicHandlers<TTopics>;
}

export interface SSEClientOptions<TTopics = SSETopicsMap> {
	/** Topics to begin with. A topic whose handler is `undefined` is left out. */
	topics: TopicHandlers<TTopics>;
	/**
	 * Connect by itself: in a component when it is mounted, elsewhere at once, on the server never. Default: true. (Created in
	 * a component or an effect, the client closes with it in any case.)
	 */
	autoConnect?: boolean;
	/** Milliseconds to wait at most before the first attempt to reconnect; doubles with each failure, up to 30 s. Default: 3000. */
	reconnectWait?: number;
	/** Log what happens to the console (`[SSE] …`). Default: false. */
	debug?: boolean;
	/** Id up to which the page's state already tells everything of the first topics (server-rendered). Default: none. */
	lastEventID?: string | null;
	/** Epoch of the log that `lastEventID` belongs to (server-rendered), so that a restored backup is noticed. Default: unknown. */
	log?: string | null;
	/**
	 * Id of the user whose page this is (server-rendered). When somebody else is signed in by the time the client connects,
	 * it closes with `onSignedOut` instead of mixing their events. Default: learned from the first connection.
	 */
	userID?: string | null;
	/** Name of this client towards the server: 1 to 64 of A-Z a-z 0-9 _ -, different for each client. Default: random. */
	clientID?: string;
	/**
	 * Milliseconds of silence after which a connection counts as dead. Default: three times the server's keep-alive interval
	 * as observed (45 s to begin with), at least 10 s. 0: never, for servers without keep-alive events.
	 */
	keepAliveTimeout?: number;
	/** History that was wanted is gone, or the cursor was not of this log and the topic is replayed in full. */
	onGap?: (gap: Gap) => void;
	/** All history has arrived; what follows is live. Once for each connection. */
	onCaughtUp?: (info: CaughtUp) => void;
	/** The session ended. The client has closed and stays closed until `connect()`. */
	onSignedOut?: (reason: string) => void;
	/** Constructor to use instead of the global EventSource. */
	eventSource?: EventSourceConstructor;
}
