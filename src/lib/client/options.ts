import type {
	CaughtUp,
	Denied,
	Ended,
	Gap,
	PayloadOf,
	ReadMarker,
	SSETopicsMap,
	TopicOf
} from '../protocol/index.ts';
import type { Inspect } from './inspect.ts';
import type { EventSourceConstructor } from './source.ts';
import type { TopicHandler } from './subscriptions.ts';

/**
 * Topic → handler. A name is one of
 * - a declared topic: `news`
 * - a topic of a declared pattern: `rooms/42` of `rooms/[room]`
 * - a wildcard, with `*` in place of parameters: `rooms/*`. It brings every topic that the viewer is granted, now or later.
 *
 * A handler gets each event of its topics exactly once, in id order within a topic. An event whose handler throws counts as
 * handled: the error is reported (`reportError`, or the console), and the stream continues. A topic that is also named
 * without `*` goes to its own handler only.
 */
export type TopicHandlers<TTopics = SSETopicsMap> = {
	[K in TopicOf<TTopics>]?: TopicHandler<PayloadOf<K, TTopics>>;
} & {
	/** A pattern declares topics. It is not the name of one. */
	[K in Extract<keyof TTopics, `${string}[${string}]${string}`>]?: undefined;
};

/** A change of the topics of a running client. See `SSEClient.updateTopics`. */
export interface TopicsUpdate<TTopics = SSETopicsMap> {
	/** Topics to add: names (with a handler given earlier), or names with handlers. */
	addTopics?: readonly TopicOf<TTopics>[] | TopicHandlers<TTopics>;
	/**
	 * Topics to remove. A topic that is added again later replays. When a wildcard that stays brings the topic, too, its
	 * handler gets the events from now on, after all earlier ones.
	 */
	removeTopics?: readonly TopicOf<TTopics>[];
	/** The complete set of topics from now on (plus `addTopics`), with handlers. */
	nextTopics?: TopicHandlers<TTopics>;
}

/** A change of the presence of a running client. See `SSEClient.updatePresence`. */
export interface PresenceUpdate {
	/** All scopes from now on. Absent: they stay. */
	scopes?: readonly string[];
	/** What the client says about itself from now on. Absent: it stays. */
	state?: Readonly<Record<string, unknown>>;
}

export interface SSEClientOptions<TTopics = SSETopicsMap> {
	/** The first topics. A topic whose handler is `undefined` is ignored. */
	topics: TopicHandlers<TTopics>;
	/**
	 * Topic or wildcard, as in `topics` → turns the data of an event, also of an old one, into what the handler expects:
	 * `{ orders: topics.orders.upcast }`. One that throws counts like a handler that throws. Default: as stored.
	 */
	upcast?: { [K in TopicOf<TTopics>]?: ((data: unknown) => PayloadOf<K, TTopics>) | undefined };
	/**
	 * Connect automatically: in a component when it is mounted, elsewhere at once, on the server never. Default: true. (A
	 * client that is created in a component or an effect always closes with it.)
	 */
	autoConnect?: boolean;
	/**
	 * Maximum wait before the first reconnect, in milliseconds. It doubles with each failure, up to 8 s (30 s while the page
	 * is hidden or offline). A Retry-After of the server is respected. Default: 3000.
	 */
	reconnectWait?: number;
	/** Log to the console (`[SSE] …`). Default: false. */
	debug?: boolean;
	/**
	 * What `logline.read` returned for this page: the client continues exactly there. The same as `lastEventID`, `log` and
	 * `userID`, which win when they are given, too.
	 */
	start?: { cursor: string; log: string; userID?: string } | undefined;
	/**
	 * The server-rendered state of the page contains every event of the first topics up to this id. This does not hold for
	 * topics that a wildcard brings: they replay. Default: none.
	 */
	lastEventID?: string | null;
	/**
	 * Epoch of the log that `lastEventID` belongs to (server-rendered), so that a restored backup is detected. Default:
	 * unknown.
	 */
	log?: string | null;
	/**
	 * Id of the user of this page (server-rendered). If another user is signed in when the client connects, it closes with
	 * `onSignedOut` and does not mix their events. `markRead` says it, too. Default: taken from the first connection.
	 */
	userID?: string | null;
	/** Name of this client for the server: 1 to 64 of A-Z a-z 0-9 _ -, different for each client. Default: random. */
	clientID?: string;
	/**
	 * Scopes, such as `rooms/42`, in which the user of this page is present, and whose other users it wants to know:
	 * `stream.presence('rooms/42')`. At most 50.
	 */
	presence?: readonly string[];
	/** What the client says about itself there, for example `{ status: 'away' }`. At most 1,000 octets of JSON. */
	state?: Readonly<Record<string, unknown>>;
	/**
	 * A connection counts as dead after this silence, in milliseconds. Default: three times the server's observed keep-alive
	 * interval (45 s at first), at least 10 s. 0: never, for servers without keep-alive events.
	 */
	keepAliveTimeout?: number;
	/** Requested history is gone, or the cursor is not of this log and the topic replays completely. */
	onGap?: (gap: Gap) => void;
	/**
	 * The server does not or no longer carry a topic or a wildcard. The others go on.
	 *
	 * For `forbidden` and `revoked`, drop what you folded from the topic: the viewer may not see it. If the viewer may see it
	 * again, all its history is handled again. For `unknown` (the server has an older version) and `too_many` (the stream is
	 * full), keep it: if the topic comes back, only the events that were not handled follow. A topic stays requested until it
	 * is removed.
	 */
	onDenied?: (denied: Denied) => void;
	/**
	 * A topic has ended: all its events have been handled, and no more will come. Called once for each topic. The topic stays
	 * in the set until it is removed.
	 */
	onEnded?: (ended: Ended) => void;
	/** How far the user has read a topic is known, or has changed: here, in another tab or on another device. */
	onRead?: (marker: ReadMarker) => void;
	/** What `logline.unread` returned for this page: the first `readMarkers`. Default: none. */
	readMarkers?: Readonly<Record<string, ReadMarker>>;
	/** Address that `markRead` posts to, relative or absolute. Default: `/api/read`. */
	readURL?: string | URL;
	/** All history has arrived; the following events are live. Called once per connection. */
	onCaughtUp?: (info: CaughtUp) => void;
	/** The session ended. The client has closed and stays closed until `connect()`. */
	onSignedOut?: (reason: string) => void;
	/** Is told of every attempt, state and event, for `logline/inspector` or your own tools. Default: nothing is told. */
	inspect?: Inspect | undefined;
	/** Constructor used instead of the global EventSource. */
	eventSource?: EventSourceConstructor;
	/**
	 * One connection for all tabs of the browser that ask for the same address. Each tab keeps its own cursor and catches up by
	 * itself, one tab at a time. It has no effect where the browser lacks Web Locks (plain http) or BroadcastChannel, for an
	 * address of another origin, with `eventSource`, and while tabs that are present in scopes have a different `state`. A stream
	 * of `produceSSE` cannot be shared, because it has no cursor: use false there, or tabs wait a second for each other. Default:
	 * true.
	 */
	share?: boolean;
	/**
	 * Used to ask the server why it refused a stream, which an EventSource cannot read. Default: the global `fetch`. With
	 * your own `eventSource`: not used, because `fetch` may lack the headers that your implementation sends.
	 */
	fetch?: typeof fetch;
}
