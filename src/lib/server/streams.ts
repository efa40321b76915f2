import type { Logger } from 'pino';
import { CONTROL, LoglineError, type Gap, type TopicRegistry, type Viewer } from '$lib/protocol';
import type { Config } from './config.ts';
import type { Queryable } from './database/client.ts';
import { Connections } from './delivery/connections.ts';
import type { Hub } from './delivery/hub.ts';
import { createPageReader } from './delivery/page-reader.ts';
import { Subscriber, type PageReader } from './delivery/subscriber.ts';
import {
	readSubscriptions,
	writeSubscriptions,
	type ClientName
} from './delivery/subscriptions.ts';
import {
	analyzeTopics,
	obsoleteRows,
	type RequestedTopic,
	type SubscriptionRow,
	type TopicSafety
} from './delivery/topic-safety.ts';
import { requireAccess } from './auth/may-subscribe.ts';
import { encodeEvent } from './log/accept.ts';
import type { Writer } from './log/append.ts';
import { readHistoryPage, type HistoryPage } from './log/history.ts';
import { readOldest, type TopicStart } from './log/read.ts';
import { encoder } from './sse/frames.ts';
import { detached } from './sse/detached.ts';
import { produceSSE, type SSEConnection } from './sse/produce-sse.ts';
import type { StreamRequest } from './sse/request.ts';
import { readExpiries, readStreamSession } from './stream-session.ts';
import { gapsOf, isOurs, placeStarts } from './stream-start.ts';

/** Topic of the log's own events that mark where a subscription begins. */
const SUBSCRIBED = '$subscribed';

/** Which of a client's topics its cursor speaks for. */
export interface TopicSafetyRequest extends ClientName {
	topics: readonly RequestedTopic[];
	cursor: bigint | null;
	/** False: the cursor was not issued by this log. */
	valid?: boolean;
	/** The client's rows, when they have been read already. */
	subscriptions?: readonly SubscriptionRow[];
}

/** A replay that goes on live. */
export interface ReplayRequest {
	viewer: Viewer;
	starts: readonly TopicStart[];
	/** Topics whose history the client has not had. */
	newTopics?: readonly string[];
	/** The client's cursor; 0: none. */
	cursor: bigint;
	atLeast: bigint;
	gaps?: readonly Gap[];
	/** Epoch, told in `caught-up`. */
	log: string;
}

/** What streams are made of. */
export interface StreamParts {
	config: Config;
	logger: Logger;
	topics: TopicRegistry;
	hub: Hub;
	writer: Writer;
	/** For sessions and subscriptions. */
	pool: Queryable;
	/** For history; small, with a queue of its own. */
	history: Queryable;
}

/** Opens streams on the log: parses nothing, knows no framework, answers with a web `Response`. */
export class Streams {
	readonly connections: Connections;
	readonly #parts: StreamParts;
	readonly #read: PageReader;
	/** One for all streams, so that it holds on to none. */
	readonly #onError = (error: unknown) =>
		this.#parts.logger.error({ err: error }, 'a stream ended by an error');
	readonly #listeners = new Set<(viewer: Viewer, topics: readonly string[]) => void>();

	constructor(parts: StreamParts) {
		this.#parts = parts;
		this.#read = createPageReader(parts.history, parts.logger);
		this.connections = new Connections(parts.config, (sessionID) => {
			void this.recheckSessions([sessionID]);
		});
	}

	/** See `App.onSubscribe`. */
	onSubscribe(listener: (viewer: Viewer, topics: readonly string[]) => void): () => void {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	/**
	 * Answers `GET /api/events`.
	 *
	 * @param sessionID hash of the session's token; null: the request has none
	 * @throws LoglineError `unauthorized`, `forbidden_topic`, `too_many_connections`, `draining`; the driver's errors
	 */
	async open(sessionID: string | null, wanted: StreamRequest): Promise<Response> {
		const { generation } = this.#parts.hub;
		const session =
			sessionID === null
				? null
				: await readStreamSession(this.#parts.pool, sessionID, wanted.clientID);
		const viewer = session?.viewer;
		if (wanted.user !== null && wanted.user !== viewer?.userId) return this.#signedOut(viewer);
		if (!session || !viewer) throw new LoglineError('unauthorized', 'Sign in first.', 401);
		for (const { topic } of wanted.topics) requireAccess(this.#parts.topics, topic, viewer);
		const client: ClientName = { sessionID: session.sessionID, clientID: wanted.clientID };
		this.connections.admit({ ...client, userId: viewer.userId });

		const valid = await isOurs(this.#parts, wanted, session.log);
		const safety = await this.analyzeTopicSafety({
			...client,
			topics: wanted.topics,
			cursor: wanted.cursor,
			valid,
			subscriptions: session.subscriptions
		});
		const since = await this.setTopicSubscription({
			...client,
			viewer,
			topics: wanted.topics,
			safety,
			subscriptions: session.subscriptions
		});
		const cursor = valid ? (wanted.cursor ?? 0n) : 0n;
		const atLeast = [since, safety.atLeast, cursor].reduce((a, b) => (a > b ? a : b));
		const starts = await placeStarts(this.#parts, viewer, safety, cursor);
		const gaps = valid ? [] : await gapsOf(this.#parts, viewer, wanted);

		if (generation !== this.#parts.hub.generation) {
			throw new LoglineError(
				'database_unavailable',
				'The log was replaced. Connect again.',
				503,
				1
			);
		}
		this.connections.admit({ ...client, userId: viewer.userId });
		const { newTopics } = safety;
		const replay = { viewer, starts, newTopics, cursor, atLeast, gaps, log: session.log };
		const response = detached(() => this.#produce(client, session.expiresAt, replay));
		const names = wanted.topics.map(({ topic }) => topic);
		for (const listener of this.#listeners) listener(viewer, names);
		return response;
	}

	/**
	 * For a client that has events of a user who is not signed in here any more. An EventSource cannot read a status, and
	 * would go on asking; or it would show the events of whoever has signed in since beside the ones it has.
	 */
	#signedOut(viewer: Viewer | undefined): Response {
		const reason = viewer ? 'Somebody else has signed in.' : 'The session has ended.';
		return produceSSE(
			(_emit, connection) => {
				connection.write(encoder.control(CONTROL.signedOut, { reason }));
				connection.end();
			},
			{ retryMs: this.#parts.config.retryMs, keepAliveMs: 0, onError: this.#onError }
		);
	}

	#produce(client: ClientName, sessionExpiresAt: number, replay: ReplayRequest): Response {
		const { config } = this.#parts;
		return produceSSE(
			(_emit, connection) => this.#connect(client, sessionExpiresAt, connection, replay),
			{
				retryMs: config.retryMs,
				// One timer keeps all streams of the log alive, with their position.
				keepAliveMs: 0,
				bufferBytes: config.bufferBytes,
				onError: this.#onError
			}
		);
	}

	/** Returns how to end it. */
	#connect(
		client: ClientName,
		sessionExpiresAt: number,
		connection: SSEConnection,
		replay: ReplayRequest
	): () => void {
		const subscriber = this.replayMissedMessages(connection, replay);
		const entry = {
			...client,
			subscriber,
			sink: connection,
			userId: subscriber.userId,
			topics: subscriber.topics,
			sessionExpiresAt
		};
		this.connections.add(entry);
		return () => {
			this.connections.remove(entry);
			subscriber.end();
		};
	}

	/**
	 * Answers `GET /api/history`: what the viewer may see of a topic before an id, newest first.
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

	/** Decides which topics continue after the cursor and which replay their history. */
	async analyzeTopicSafety(request: TopicSafetyRequest): Promise<TopicSafety> {
		const rows = request.subscriptions ?? (await readSubscriptions(this.#parts.pool, request));
		return analyzeTopics(rows, request.topics, request.cursor, request.valid);
	}

	/**
	 * Records what a client subscribes to, and where in the log that stands. New subscriptions of a client that has a cursor
	 * get an event of their own, and its id is the position.
	 *
	 * @returns id that the first catch-up must reach
	 */
	async setTopicSubscription(
		request: ClientName & {
			viewer: Viewer;
			topics: readonly RequestedTopic[];
			safety: TopicSafety;
			subscriptions?: readonly SubscriptionRow[];
		}
	): Promise<bigint> {
		const { safety, viewer, topics } = request;
		const rows = request.subscriptions ?? (await readSubscriptions(this.#parts.pool, request));
		const remove = obsoleteRows(rows, topics);
		if (safety.missing.length === 0 && remove.length === 0) return 0n;
		let since = 0n;
		if (safety.missing.length > 0 && safety.since === 'now') {
			const marker = encodeEvent({
				topic: SUBSCRIBED,
				userId: viewer.userId,
				data: { client: request.clientID, topics: safety.missing }
			});
			const [appended] = await this.#parts.writer.append([marker]);
			since = BigInt(appended!.id);
		}
		await writeSubscriptions(this.#parts.pool, request, { add: safety.missing, since, remove });
		return since;
	}

	/**
	 * Sends a connection everything it is owed, and then what comes, at the pace of its socket. Errors end the connection and
	 * are logged.
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
				oldest: (query) => readOldest(this.#parts.history, query),
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

	/** Ends the streams of sessions that are over, and prolongs the others. Default: all that have streams here. */
	async recheckSessions(sessions = this.connections.sessions): Promise<void> {
		if (sessions.length === 0) return;
		try {
			const alive = await readExpiries(this.#parts.pool, sessions);
			for (const session of sessions) {
				const expires = alive.get(session);
				if (expires === undefined) this.connections.endSession(session, 'The session has ended.');
				else this.connections.prolong(session, expires);
			}
		} catch (error) {
			// Asked again at the next sweep.
			for (const session of sessions) this.connections.prolong(session, Date.now() + 1000);
			this.#parts.logger.warn({ err: error }, 'sessions cannot be checked; trying again');
		}
	}
}
