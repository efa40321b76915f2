// Only types that versions 2 and 3 of SvelteKit both have.
import type { RequestEvent } from '@sveltejs/kit';
import type {
	PayloadOf,
	PresentUser,
	SignalSender,
	SSETopicsMap,
	Topic,
	TopicRegistry,
	Viewer
} from '../../protocol/index.ts';
import type { Consumer, ConsumeOptions, ConsumerHandler } from '../log/consumers/types.ts';
import type { HistoryPage } from '../log/history.ts';
import type { Appended, NewEvent, Producer, Transaction } from '../log/types.ts';
import type { StreamAsked } from '../streams/open.ts';
import type { SubscribeListener } from '../streams/streams.ts';
import type { Authenticate, SignedInViewer } from '../streams/viewer.ts';
import type { WatchedEvent, WatchOptions } from '../streams/watch.ts';
import type { Exploring } from './exploring.ts';
import type { Health } from './health.ts';
import type { Log } from './log.ts';
import type { Personal } from './personal.ts';
import type { Reading } from './reading.ts';

/** Fits SvelteKit's own type, which version 3 has moved to `@sveltejs/kit/hooks`. */
export type Handle = (input: {
	event: RequestEvent;
	resolve: (event: RequestEvent) => Response | Promise<Response>;
}) => Promise<Response>;

/** Returns the `GET` of the stream's route. */
export type StreamHandler = (
	authenticate: (event: RequestEvent) => SignedInViewer | null | Promise<SignedInViewer | null>
) => (event: RequestEvent) => Promise<Response>;

/** An event for the log, typed by its topic. */
export interface EmittedEvent<K extends Topic> {
	event: K;
	data: PayloadOf<K, SSETopicsMap>;
	/** The user who may see it. null or absent: everyone who may subscribe to the topic. */
	userID?: string | null | undefined;
	/**
	 * At most 200 characters. If the key was ever used before, nothing is added, and the id of the first event is returned. It
	 * is kept for ever, also when its event is deleted with a user: make it of ids, not of texts.
	 */
	key?: string | undefined;
	/** Who writes, when writers follow each other. See {@link Producer}. */
	producer?: Producer | undefined;
}

/** A signal, typed by its topic. */
export interface SentSignal<K extends Topic> {
	event: K;
	data: PayloadOf<K, SSETopicsMap>;
	/** The only user who gets it. null or absent: everyone who may see the topic. */
	userID?: string | null | undefined;
	/** Who sends it, for its receivers. null or absent: the server. */
	sender?: SignalSender | null | undefined;
}

/** An event as `read` returns it. */
export type ReadEvent<K extends Topic> = {
	[P in K]: {
		id: string;
		topic: P;
		/**
		 * null when the value cannot be serialized into a page (then `json` has it), or when the event cannot be sent at all.
		 */
		data: PayloadOf<P, SSETopicsMap>;
		/**
		 * The data as JSON text for `JSON.parse` in the browser, as it is stored, without `upcast`. Set only when a page cannot
		 * carry the data as a value.
		 */
		json?: string;
		/** ISO 8601; or the text that Postgres prints, for times that ISO 8601 cannot express. */
		at: string;
	};
}[K];

/** The first state of a page. */
export interface FirstState<K extends Topic> {
	/** In id order. */
	events: ReadEvent<K>[];
	/** Everything up to here is in `events`: the cursor that the page's `SSEClient` starts with. */
	cursor: string;
	/** Epoch of the log that the cursor belongs to. */
	log: string;
	userID: string;
}

/** See `Logline.grant`. */
export interface GrantOptions {
	source?: string | undefined;
	tx?: Transaction | undefined;
}

/** A durable, ordered event log on Postgres, and the streams of this process on it. */
export interface Logline extends Reading, Exploring, Personal {
	readonly topics: TopicRegistry;
	/**
	 * Waits up to 30 s for the database, creates or upgrades the log's tables (unless `migrate` is false), and connects.
	 * Resolves when events can be emitted and streams opened. Several processes may start at once. A second call waits for the
	 * same start; what was stopped cannot be started again. Skip it while SvelteKit builds and prerenders (`building`).
	 *
	 * @throws Error that says what to do: the database cannot be reached, is too old, or is behind a pooler in transaction
	 *   mode; its schema has other tables of these names; the log is of a version that cannot be upgraded
	 */
	start(): Promise<void>;
	/** Ends the streams, writes what is queued, and closes everything. A second call waits for the same end. */
	stop(): Promise<void>;
	/**
	 * The first half of `stop`: no new stream or request begins, open streams are told to come back, and running requests
	 * end. Events can still be emitted.
	 */
	drain(): Promise<void>;
	/**
	 * SvelteKit's `handle`: refuses requests while the server drains, lets `stop` wait for running ones, and closes the
	 * sockets of stalled clients. Compose it with your own by `sequence`.
	 */
	readonly handle: Handle;
	/**
	 * Returns the `GET` of the stream's route, by convention `src/routes/api/events/+server.ts`.
	 *
	 * @param authenticate finds out who asks; null: nobody is signed in
	 */
	stream: StreamHandler;
	/** Responds to a request for the stream, for servers other than SvelteKit. See {@link StreamAsked}. */
	open(asked: StreamAsked, authenticate: Authenticate): Promise<Response>;
	/**
	 * Appends one event. Resolves when it is committed: it then reaches every client that may see it and is subscribed,
	 * whether connected now or later.
	 *
	 * @param tx an open transaction of drizzle or postgres.js: the event becomes visible after its commit. The promise then
	 *   resolves with nothing, because the id is assigned later.
	 * @throws LoglineError `unknown_topic`, `invalid_data`, `log_busy`, `append_timeout`, `topic_ended` (409), `fenced` (409:
	 *   the producer's epoch is over)
	 */
	emit<K extends Topic>(event: EmittedEvent<K>): Promise<Appended>;
	emit<K extends Topic>(event: EmittedEvent<K>, tx: Transaction): Promise<void>;
	/**
	 * Appends several events, in the given order, all or none. Their topics are checked when it runs. See `emit`.
	 *
	 * @throws LoglineError with the `index` of the event when it is about one of them
	 */
	append(events: NewEvent[]): Promise<Appended[]>;
	append(events: NewEvent[], tx: Transaction): Promise<void>;
	/**
	 * Makes a topic final: `end('rooms/42/messages')`. Later events of it are refused, wherever they come from, and its streams
	 * are told `ended`. It stays readable. Ending it again changes nothing. Await what you have emitted before.
	 *
	 * @param tx an open transaction: the end comes with its commit, behind what the transaction has emitted before
	 * @throws LoglineError `unknown_topic`, `not_durable` (a signal), `transaction_lost`
	 */
	end(topic: string, tx?: Transaction): Promise<void>;
	/**
	 * Sends a signal: data of a topic with `durable: false`. The streams that are open, have room and may see the topic get it
	 * within a few hundredths of a second, at most once. Nothing is kept. Resolves when it is queued.
	 *
	 * @throws LoglineError `unknown_topic`, `not_a_signal`, `invalid_data`, `invalid_user`
	 */
	signal<K extends Topic>(signal: SentSignal<K>): Promise<void>;
	/**
	 * Sends the signal of a browser, as `POST /api/signal` does: `{ topic, data }`. The topic must be declared with `send:
	 * 'clients'`, and the viewer must be allowed to see it.
	 *
	 * @param body of the request, as it was parsed from JSON
	 * @throws LoglineError `invalid_body`, `unknown_topic`, `invalid_data`, `invalid_user`, `forbidden_topic` (403),
	 *   `too_many_signals` (429)
	 */
	receiveSignal(viewer: Viewer, body: unknown): Promise<void>;
	/**
	 * Returns who is present in a scope now, on all servers: users with a stream that asks for it (`presence=rooms/42`).
	 *
	 * @param scope of a pattern that is declared with `presence: true`
	 * @throws LoglineError `invalid_scope`
	 */
	presence(scope: string): Promise<PresentUser[]>;
	/**
	 * Reads the first state of a page: the viewer's history of some topics, and the position in the log up to which it is
	 * complete. A client that starts with this position as its cursor misses no event and gets none twice.
	 *
	 * @param topics none: only the cursor
	 * @throws LoglineError `invalid_topics`, `forbidden_topic`
	 */
	read<K extends Topic>(viewer: Viewer, topics: readonly K[]): Promise<FirstState<K>>;
	/**
	 * Reads what the viewer may see of a topic before an id, newest first.
	 *
	 * @param before null: start at the newest
	 * @throws LoglineError `invalid_topics`, `forbidden_topic`
	 */
	history(
		viewer: Viewer,
		topic: string,
		options?: { before?: bigint | null; limit?: number }
	): Promise<HistoryPage>;
	/**
	 * Yields the events of some topics or wildcards for a viewer, by the rules of a stream, for as long as the loop lasts:
	 *
	 * ```ts
	 * const { events, cursor } = await logline.read(viewer, ['orders']);
	 * for await (const { data } of logline.watch(['orders'], { viewer, after: cursor })) …
	 * ```
	 *
	 * @throws (the loop) LoglineError `unauthorized`: the session has ended; `watch_ended`: begin again after the last id;
	 *   `too_many_connections` and whatever else refuses a stream
	 */
	watch<K extends Topic>(
		topics: readonly K[],
		options: WatchOptions
	): AsyncGenerator<WatchedEvent<K>, void, void>;
	/**
	 * Lets a user see the topics of a scope: `grant('rooms/42', user.id)`. Open streams follow at once. The grant takes its
	 * place in the log after the transaction has committed, between the events before and after it. Without `tx`, this
	 * waits for it, as `settle` does: up to a second. A request for the topics that comes earlier waits, too.
	 *
	 * @param options.source who says it; the user keeps the scope until every source has taken it back. Default `''`.
	 * @param options.tx an open transaction: the grant is given with its commit
	 * @throws LoglineError `invalid_scope`, `invalid_user`, `invalid_source`, `transaction_lost`
	 */
	grant(scope: string, userID: string, options?: GrantOptions): Promise<void>;
	/** Takes back what `grant` gave. What is appended after its commit, the user does not see. */
	revoke(scope: string, userID: string, options?: GrantOptions): Promise<void>;
	/**
	 * Waits until all committed grants of a user have their places in the log, for code that reads the log by itself. Streams,
	 * `read` and `history` wait by themselves for the grants that they need: up to a second, then they throw an error that
	 * passes (a stream answers 503), not `forbidden_topic`. With `history: 'since-granted'`, what is emitted after the commit
	 * comes after the grant without it.
	 *
	 * @returns false when the log is behind by more than a second: the grants are kept, and count a little later
	 */
	settle(userID: string): Promise<boolean>;
	/**
	 * Calls a handler for every event of some topics, of all users, in the order of the log, one after the other. What the
	 * handler writes with `tx` is committed together with the consumer's position: exactly once, whatever dies in between.
	 * All processes that call it with the same name share the work. Inside, emit with `tx`: an `append` without it is
	 * repeated when the transaction is. Call it before `start` or after.
	 *
	 * A handler that fails is tried again, later each time, and the others go on. After the last attempt its event goes to
	 * `dead_letters`. An outage of the database does not count. A handler that outlasts its transaction cannot write with `tx`
	 * any more.
	 *
	 * @param name unique among the consumers of the log; a consumer with a new name begins anew
	 * @param topics declared names, topics or wildcards: `rooms/*\/messages`
	 * @throws LoglineError `invalid_topics`, `invalid_consumer`, `draining`
	 */
	consume<K extends Topic, Tx extends Transaction>(
		name: string,
		topics: readonly K[],
		handler: ConsumerHandler<K, Tx>,
		options: ConsumeOptions<Tx>
	): Consumer;
	/**
	 * Ends the streams of a session on every server, and forgets its clients. The same as
	 * `SELECT pg_notify('logline_sessions', session)`, which a trigger of your sessions table can send.
	 */
	endSession(session: string): Promise<void>;
	/** Moves committed outbox rows into the log now. Call it after the commit of plain SQL that wrote to `outbox`. */
	kickOutbox(): void;
	/** @returns a function that stops listening */
	onSubscribe(listener: SubscribeListener): () => void;
	/** @returns true when a client of this process is subscribed to the topic now */
	isSubscribed(topic: string): boolean;
	/**
	 * Counts a running request, so that `stop` waits for it. `handle` does this.
	 *
	 * @returns a function to call at the end of the request
	 * @throws LoglineError `draining`
	 */
	begin(): () => void;
	/** The present state, from memory only: it works when Postgres does not respond. */
	health(): Health;
	/** The running parts, for the functions of `logline/server`. */
	readonly parts: Log;
}
