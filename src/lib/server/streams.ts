import type { Logger } from 'pino';
import { CONTROL, LoglineError, type Gap, type TopicRegistry, type Viewer } from '$lib/protocol';
import type { Config } from './config.ts';
import type { Queryable } from './database/client.ts';
import type { Connection } from './delivery/connection.ts';
import { Connections } from './delivery/connections.ts';
import type { Hub } from './delivery/hub.ts';
import { Trouble } from './database/trouble.ts';
import { createPageReader } from './delivery/page-reader.ts';
import { Subscriber, type PageReader } from './delivery/subscriber.ts';
import { touchClient } from './delivery/subscriptions.ts';
import { analyzeTopics, type TopicSafety } from './delivery/topic-safety.ts';
import { requireAccess } from './auth/may-subscribe.ts';
import type { Writer } from './log/append.ts';
import { readHistoryPage, type HistoryPage } from './log/history.ts';
import type { TopicStart } from './log/read.ts';
import { encoder } from './sse/frames.ts';
import { detached } from './sse/detached.ts';
import { produceSSE, type SSEConnection } from './sse/produce-sse.ts';
import type { StreamRequest } from './sse/request.ts';
import { recheckSessions, readStreamSession, type StreamSession } from './stream-session.ts';
import { gapsOf, judgeCursor, oldestOfTrim, placeStarts, topicsFrom } from './stream-start.ts';
import {
	analyzeTopicSafety,
	setTopicSubscription,
	type TopicSafetyRequest,
	type TopicSubscriptionRequest
} from './stream-subscriptions.ts';

/** A replay that then goes live. */
export interface ReplayRequest {
	viewer: Viewer;
	starts: readonly TopicStart[];
	/** Topics whose history begins with this replay. */
	newTopics?: readonly string[];
	/** How far topics were already trimmed when the client subscribed to them. */
	told?: ReadonlyMap<string, bigint>;
	/** Cursor of the client. 0: none. */
	cursor: bigint;
	atLeast: bigint;
	gaps?: readonly Gap[];
	/** Epoch, sent in `caught-up`. */
	log: string;
}

/** The parts that streams need. */
export interface StreamParts {
	config: Config;
	logger: Logger;
	topics: TopicRegistry;
	hub: Hub;
	writer: Writer;
	/** For sessions and subscriptions. */
	pool: Queryable;
	/** For statements that no request waits for. */
	background: Queryable;
	/** For history. Few connections with their own queue. */
	history: Queryable;
}

/** Opens streams on the log. It parses nothing, knows no framework, and returns a web `Response`. */
export class Streams {
	readonly connections: Connections;
	readonly #parts: StreamParts;
	readonly #read: PageReader;
	readonly #trouble: Trouble;
	/** One function for all streams, so that it keeps no stream in memory. */
	readonly #onError = (error: unknown) =>
		this.#parts.logger.error({ err: error }, 'a stream ended by an error');
	readonly #listeners = new Set<(viewer: Viewer, topics: readonly string[]) => void>();

	constructor(parts: StreamParts) {
		this.#parts = parts;
		this.#read = createPageReader(parts.history, parts.logger);
		this.#trouble = new Trouble(parts.logger, {
			lasts: 'sessions cannot be checked; trying again',
			over: 'sessions are checked again'
		});
		this.connections = new Connections(parts.config, (sessions) => {
			void this.recheckSessions(sessions);
		});
	}

	/** See `App.onSubscribe`. */
	onSubscribe(listener: (viewer: Viewer, topics: readonly string[]) => void): () => void {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	/**
	 * Responds to `GET /api/events`. The request takes its place before the first wait: from then on, the end of its session
	 * also ends the request.
	 *
	 * @param sessionID hash of the session's token; null: the request has none
	 * @param gone aborts when the client disconnects before the response
	 * @throws LoglineError `unauthorized`, `forbidden_topic`, `too_many_connections`, `draining`; errors of the driver
	 */
	async open(
		sessionID: string | null,
		wanted: StreamRequest,
		gone?: AbortSignal
	): Promise<Response> {
		if (sessionID === null) return this.#withoutSession(wanted, undefined);
		const connection = this.connections.take({ sessionID, clientID: wanted.clientID });
		const abandon = () => this.connections.abandon(connection);
		gone?.addEventListener('abort', abandon, { once: true });
		try {
			if (gone?.aborted) abandon();
			return await this.#open(connection, wanted);
		} catch (error) {
			this.connections.release(connection);
			if (connection.refusal?.code === 'unauthorized') {
				return this.#withoutSession(wanted, undefined);
			}
			throw error;
		} finally {
			gone?.removeEventListener('abort', abandon);
		}
	}

	async #open(connection: Connection, wanted: StreamRequest): Promise<Response> {
		const { pool, topics } = this.#parts;
		const { sessionID, clientID } = connection;
		const session = await connection.during(
			readStreamSession(pool, sessionID, clientID, wanted.cursor)
		);
		const viewer = session?.viewer;
		if (!session || !viewer || (wanted.user !== null && wanted.user !== viewer.userId)) {
			this.connections.release(connection);
			return this.#withoutSession(wanted, viewer);
		}
		for (const { topic } of wanted.topics) requireAccess(topics, topic, viewer);
		this.connections.identify(connection, viewer.userId, session.expiresAt);
		const replay = await this.#prepare(connection, session, wanted);
		const response = detached(() => this.#produce(connection, replay));
		this.#tell(viewer, wanted);
		return response;
	}

	/** An error of a feature must not affect the stream, which is already open. */
	#tell(viewer: Viewer, wanted: StreamRequest): void {
		const topics = wanted.topics.map(({ topic }) => topic);
		for (const listener of this.#listeners) {
			try {
				listener(viewer, topics);
			} catch (error) {
				this.#parts.logger.error({ err: error }, 'a listener for subscriptions failed');
			}
		}
	}

	/** Computes what the client is owed, and records its subscriptions. */
	async #prepare(
		connection: Connection,
		{ viewer, log, client }: StreamSession,
		wanted: StreamRequest
	): Promise<ReplayRequest> {
		const { sessionID, clientID } = connection;
		const standing = judgeCursor(wanted, log);
		const topics = topicsFrom(wanted.topics, standing);
		const { valid } = standing;
		const safety = analyzeTopics(client, topics, standing.cursor, valid);
		const starts = await connection.during(placeStarts(this.#parts, viewer, safety));
		const since = await connection.during(
			this.setTopicSubscription({ sessionID, clientID, viewer, topics, safety, starts, client })
		);
		if (client.stale) await connection.during(touchClient(this.#parts.pool, connection));
		const cursor = valid ? (standing.cursor ?? 0n) : 0n;
		const atLeast = [since, safety.atLeast, cursor].reduce((a, b) => (a > b ? a : b));
		const gaps = await connection.during(gapsOf(this.#parts, viewer, wanted, standing, safety));
		const { begun: newTopics, told } = safety;
		return { viewer, starts, newTopics, told, cursor, atLeast, gaps, log: log.epoch };
	}

	/**
	 * Responds to a client that has events of a user who is not signed in here any more. An EventSource cannot read a
	 * status: after an error, it would keep trying. Or it would mix the events of the new user with the old ones. So the
	 * client gets a stream with `signed-out`.
	 *
	 * @param viewer the user who is signed in instead
	 * @throws LoglineError `unauthorized` when the client has no user's events
	 */
	#withoutSession(wanted: StreamRequest, viewer: Viewer | undefined): Response {
		if (wanted.user === null) throw new LoglineError('unauthorized', 'Sign in first.', 401);
		const reason = viewer ? 'Somebody else has signed in.' : 'The session has ended.';
		return produceSSE(
			(_emit, connection) => {
				connection.write(encoder.control(CONTROL.signedOut, { reason }));
				connection.end();
			},
			{ retryMs: this.#parts.config.retryMs, keepAliveMs: 0, onError: this.#onError }
		);
	}

	/** @throws LoglineError the reason why the connection has ended meanwhile */
	#produce(connection: Connection, replay: ReplayRequest): Response {
		const { config } = this.#parts;
		if (connection.refusal) throw connection.refusal;
		return produceSSE(
			(_emit, sink) => {
				const subscriber = this.replayMissedMessages(sink, replay);
				this.connections.open(connection, { subscriber, sink });
				return () => subscriber.end();
			},
			{
				retryMs: config.retryMs,
				// The timer of `connections` sends keep-alives to all streams of the log, with their position.
				keepAliveMs: 0,
				bufferBytes: config.bufferBytes,
				onError: this.#onError
			}
		);
	}

	/**
	 * Responds to `GET /api/history`: what the viewer may see of a topic before an id, newest first.
	 *
	 * @throws LoglineError `invalid_topics`, `forbidden_topic`
	 */
	history(
		viewer: Viewer,
		topic: string,
		before: bigint | null,
		limit: number
	): Promise<HistoryPage> {
		requireAccess(this.#parts.topics, topic, viewer);
		return readHistoryPage(this.#parts.history, { userId: viewer.userId, topic, before, limit });
	}

	/** Decides which topics continue after the cursor and which ones replay their history. */
	analyzeTopicSafety(request: TopicSafetyRequest): Promise<TopicSafety> {
		return analyzeTopicSafety(this.#parts, request);
	}

	/**
	 * Records the subscriptions of a client and their position in the log. For new subscriptions of a client with a cursor,
	 * it appends a `$subscribed` event, whose id is the position.
	 *
	 * @returns id that the first catch-up must reach
	 */
	setTopicSubscription(request: TopicSubscriptionRequest): Promise<bigint> {
		const open = this.connections.clientsOf(request.sessionID);
		return setTopicSubscription(this.#parts, request, open);
	}

	/**
	 * Sends a connection every event it is owed, and then live events, at the speed of its socket. Errors end the connection
	 * and are logged.
	 */
	replayMissedMessages(connection: SSEConnection, replay: ReplayRequest): Subscriber {
		const { hub, logger, config } = this.#parts;
		const failed = (error: unknown) => {
			logger.error({ err: error }, 'a replay failed; the client will come back');
			subscriber.end();
		};
		const subscriber = new Subscriber(
			{
				hub,
				read: this.#read,
				oldest: (query) => oldestOfTrim(this.#parts.history, query),
				encoder,
				sink: connection,
				limits: config
			},
			{ ...replay, userId: replay.viewer.userId }
		);
		subscriber.onFailure = failed;
		void subscriber.run().catch(failed);
		return subscriber;
	}

	/**
	 * Ends the connections of sessions that are over, and prolongs the others. Default: all sessions with connections in
	 * this process.
	 */
	recheckSessions(sessions = this.connections.sessions): Promise<void> {
		const { background } = this.#parts;
		return recheckSessions({ background, trouble: this.#trouble }, this.connections, sessions);
	}
}
