import { createRegistry, LoglineError, requireAccess } from '../../protocol/index.ts';
import type { SSETopicsMap, Topic, TopicRegistry, Viewer } from '../../protocol/index.ts';
import { acceptEvents } from '../log/accept.ts';
import { readHistory, readHistoryPage, type HistoryPage } from '../log/history.ts';
import { insertIntoOutbox } from '../log/outbox.ts';
import type { Appended, NewEvent, Transaction } from '../log/types.ts';
import { encodeBlock } from '../sse/frames.ts';
import { DEFAULT_LIMITS } from '../streams/limits.ts';
import type { StreamAsked } from '../streams/open.ts';
import type { SubscribeListener } from '../streams/streams.ts';
import type { Authenticate } from '../streams/viewer.ts';
import { consoleLogger } from '../work/logger.ts';
import { stopInOrder } from '../work/stop-in-order.ts';
import { UnderWay } from '../work/under-way.ts';
import { readHealth, type Health } from './health.ts';
import { createHandle, createStreamHandler, type Handle, type StreamHandler } from './kit.ts';
import { startLog, type Log } from './log.ts';
import type { LoglineOptions } from './options.ts';
import { setRunning, unsetRunning } from './running.ts';

/** An event for the log, typed by its topic. */
export interface EmittedEvent<K extends Topic> {
	event: K;
	data: SSETopicsMap[K];
	/** The user who may see it. null or absent: everyone who may subscribe to the topic. */
	userID?: string | null | undefined;
	/**
	 * At most 200 characters. If the key was ever used before, nothing is added, and the id of the first event is returned.
	 */
	key?: string | undefined;
}

/** An event as `read` returns it. */
export type ReadEvent<K extends Topic> = {
	[P in K]: {
		id: string;
		topic: P;
		/**
		 * null when the value cannot be serialized into a page (then `json` has it), or when the event cannot be sent at all.
		 */
		data: SSETopicsMap[P];
		/** The data as JSON text for `JSON.parse` in the browser. Set only when a page cannot carry the data as a value. */
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

/** A durable, ordered event log on Postgres, and the streams of this process on it. */
export interface Logline {
	readonly topics: TopicRegistry;
	/**
	 * Starts on a migrated database. Resolves when events can be emitted and streams opened.
	 *
	 * @throws Error when the database cannot be read
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
	 * @throws LoglineError `unknown_topic`, `invalid_data`, `log_busy`, `append_timeout`
	 */
	emit<K extends Topic>(event: EmittedEvent<K>): Promise<Appended>;
	emit<K extends Topic>(event: EmittedEvent<K>, tx: Transaction): Promise<void>;
	/** Appends several events, in the given order, all or none. Their topics are checked when it runs. See `emit`. */
	append(events: NewEvent[]): Promise<Appended[]>;
	append(events: NewEvent[], tx: Transaction): Promise<void>;
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

/**
 * Creates a Logline. It opens nothing before `start`.
 *
 * ```ts
 * export const logline = createLogline({ url: env.DATABASE_URL, topics });
 * export const init = () => logline.start(); // hooks.server.ts
 * ```
 */
export function createLogline(options: LoglineOptions): Logline {
	const { url, sessions, connections, logger = consoleLogger() } = options;
	const topics = registryOf(options.topics);
	const limits = { ...DEFAULT_LIMITS, ...options.limits };
	const requests = new UnderWay();
	/** Pending payload checks. Their events were accepted by `append`, so the writer must not close before them. */
	const checking = new Set<Promise<unknown>>();
	let log: Log | null = null;
	let draining = false;
	let drained: Promise<void> | null = null;
	let stopped: Promise<void> | null = null;
	/** Resolves when the sockets of the streams have closed. */
	let settled: Promise<void> = Promise.resolve();

	const running = (): Log => {
		if (!log) throw notRunning();
		return log;
	};

	async function append(events: NewEvent[], tx?: Transaction): Promise<Appended[] | void> {
		const { writer } = running();
		const check = acceptEvents(topics, events).then((accepted) => ({
			// Called in the same tick, not awaited here: after the check, the events are in the queue.
			written: tx ? insertIntoOutbox(tx, accepted) : writer.append(accepted)
		}));
		checking.add(check);
		const { written } = await check.finally(() => checking.delete(check));
		return written;
	}

	async function drain(): Promise<void> {
		draining = true;
		if (!log) return;
		logger.info('draining');
		const { connections } = log.streams;
		// Random, so that the clients of this server do not all connect to another one at the same moment.
		connections.close(() =>
			encodeBlock({ retry: Math.round(limits.retryMs * (0.2 + 0.8 * Math.random())) })
		);
		// Awaited by `stop`, after the queue was written: a client that does not close must not delay the writing.
		settled = connections.settle(limits.shutdownGraceMs / 2);
		await requests.idle(limits.shutdownGraceMs / 2);
	}

	async function stop(): Promise<void> {
		await (drained ??= drain());
		if (!log) return;
		// Begun now, because a job may be in the middle of a long statement. Awaited by its step.
		log.jobs.stop().catch(() => undefined);
		try {
			await stopInOrder(
				[
					['accepted events', () => Promise.allSettled(checking)],
					...log.steps,
					['streams', () => settled]
				],
				(error, step) => {
					logger.error({ err: error, step }, 'a step of the end failed; the others go on');
				}
			);
		} finally {
			unsetRunning(logline);
			log = null;
			logger.info('stopped');
		}
	}

	const logline: Logline = {
		topics,
		async start() {
			log = await startLog({ url, topics, limits, logger, sessions, connections });
			setRunning(logline);
		},
		stop: () => (stopped ??= stop()),
		drain: () => (drained ??= drain()),
		handle: createHandle(() => logline),
		stream: createStreamHandler(() => logline),
		open: (asked, authenticate) => running().streams.open(asked, authenticate),
		emit: (async ({ event, ...rest }: EmittedEvent<Topic>, tx?: Transaction) => {
			const { userID, data, key } = rest;
			const result = await append([{ topic: event, userId: userID ?? null, data, key }], tx);
			return result?.[0];
		}) as Logline['emit'],
		append: append as Logline['append'],
		async read<K extends Topic>(viewer: Viewer, names: readonly K[]) {
			const { history, tailer } = running();
			const epoch = tailer.epoch;
			for (const topic of names) requireAccess(topics, topic, viewer);
			const wanted = names.map((topic) => ({ topic, last: topics.get(topic)?.replay?.last }));
			const { events, cursor } = await readHistory(history, { userId: viewer.id, topics: wanted });
			return { events: events as ReadEvent<K>[], cursor, log: epoch, userID: viewer.id };
		},
		async history(viewer, topic, { before = null, limit = 50 } = {}) {
			requireAccess(topics, topic, viewer);
			return readHistoryPage(running().history, { userId: viewer.id, topic, before, limit });
		},
		async endSession(session) {
			await running().background.query(`SELECT pg_notify('logline_sessions', $1)`, [session]);
		},
		kickOutbox: () => running().relay.kick(),
		onSubscribe: (listener) => running().streams.onSubscribe(listener),
		isSubscribed: (topic) => running().streams.connections.has(topic),
		begin() {
			if (draining) throw notRunning();
			return requests.begin();
		},
		health() {
			const { streams, hub, tailer, relay, writer, listener, jobs } = running();
			return readHealth({
				draining,
				activeConnections: streams.connections.size,
				head: hub.tail,
				tailer,
				relay,
				writer,
				listener,
				lastPartitioned: jobs.lastPartitioned,
				jobs: jobs.all
			});
		},
		get parts() {
			return running();
		}
	};
	return logline;
}

const notRunning = () =>
	new LoglineError('draining', 'The server is shutting down. Try again.', 503, 1);

function registryOf(topics: LoglineOptions['topics']): TopicRegistry {
	if (topics instanceof Map) return topics;
	return createRegistry(Array.isArray(topics) ? topics : [topics as Record<string, never>]);
}
