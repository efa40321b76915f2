import type { Logger } from 'pino';
import { LoglineError, type TopicRegistry, type Viewer } from '$lib/protocol';
import { createAuth, type Auth, type NewDevice } from './auth/auth.ts';
import { requireAccess } from './auth/may-subscribe.ts';
import type { Config } from './config.ts';
import { openDatabase, type Database } from './database/client.ts';
import { Lanes } from './database/lanes.ts';
import { Listener } from './database/listener.ts';
import { READ_BY_INDEX } from './database/read-by-index.ts';
import { SoleConnection } from './database/sole-connection.ts';
import { readFirstWindow } from './delivery/first-window.ts';
import { Hub } from './delivery/hub.ts';
import { acceptEvents } from './log/accept.ts';
import { Writer } from './log/append.ts';
import { readHistory, type HistoryEvent } from './log/history.ts';
import { insertIntoOutbox } from './log/outbox.ts';
import { Relay } from './log/relay.ts';
import { Tailer } from './log/tail.ts';
import type { Appended, NewEvent, Transaction } from './log/types.ts';
import { readHealth, type Health } from './health.ts';
import { startJobs, type Jobs } from './jobs.ts';
import { createLogger, type LogLine } from './logger.ts';
import { encodeBlock, encoder } from './sse/frames.ts';
import { stopInOrder, type Step } from './stop-in-order.ts';
import { Streams } from './streams.ts';
import { UnderWay } from './under-way.ts';

export type { Health } from './health.ts';
export type { LogLine } from './logger.ts';

/** A running application. Routes and features use it. */
export interface App {
	readonly config: Config;
	readonly logger: Logger;
	readonly database: Database;
	readonly auth: Auth;
	readonly topics: TopicRegistry;
	readonly streams: Streams;
	/**
	 * Appends events to the log. Resolves when they are committed, in the given order.
	 *
	 * @param tx an open drizzle transaction: the events go to the outbox and become visible after its commit. The promise
	 *   then resolves with nothing, because the ids are assigned later.
	 * @throws LoglineError `unknown_topic`, `invalid_data`, `log_busy`, `append_timeout`
	 */
	append(events: NewEvent[]): Promise<Appended[]>;
	append(events: NewEvent[], tx: Transaction): Promise<void>;
	/** Moves committed outbox rows into the log now. Call it after the commit of plain SQL that wrote to `outbox`. */
	kickOutbox(): void;
	/**
	 * Calls the listener whenever a client subscribes, also on each reconnect.
	 *
	 * @returns a function that stops listening
	 */
	onSubscribe(listener: (viewer: Viewer, topics: readonly string[]) => void): () => void;
	/**
	 * Calls the listener when a user signs in from a device that the account has not used before. A rejection is logged, and
	 * the next sign-in from there calls it again.
	 *
	 * @returns a function that stops listening
	 */
	onNewDevice(listener: (device: NewDevice) => Promise<void>): () => void;
	/**
	 * Calls the listener for each line that the application logs, with level, source and message only.
	 *
	 * @returns a function that stops listening
	 */
	onLogLine(listener: (line: LogLine) => void): () => void;
	/** @returns true when a client of this process is subscribed to the topic now */
	isSubscribed(topic: string): boolean;
	/**
	 * Reads the first state of a page: the viewer's history of some topics, and the position in the log up to which it is
	 * complete. A client that starts with this position as its cursor misses no event and gets none twice.
	 */
	readHistory(
		viewer: Viewer,
		topics: readonly string[]
	): Promise<{ events: HistoryEvent[]; cursor: string; log: string; userID: string }>;
	/** The current state of the application. */
	health(): Health;
	/**
	 * Counts a running request, so that `stop` can wait for it.
	 *
	 * @returns a function to call at the end of the request
	 */
	begin(): () => void;
	/** Ends the streams, writes what is queued, and closes everything. A second call waits for the same end. */
	stop(): Promise<void>;
}

/** The `start` export of a feature's `start.server.ts`. It begins the feature's work and returns a function that ends it. */
export type StartFeature = (app: App) => () => void | Promise<void>;

const KEY = Symbol.for('logline.app');
const holder = globalThis as { [KEY]?: App };

/** Returns the application of this process; undefined before `init` of hooks.server.ts has finished, and after its end. */
export const findApp = (): App | undefined => holder[KEY];

/**
 * Returns the application of this process.
 *
 * @throws LoglineError `draining` (503) when there is none. This is normal for a moment: connections outlive the application.
 */
export function getApp(): App {
	const app = findApp();
	if (!app) {
		throw new LoglineError(
			'draining',
			'The application does not run: it starts, or shuts down. Try again in a moment.',
			503,
			1
		);
	}
	return app;
}

/** Limits of the window of newest events in memory. */
const WINDOW = { events: 10_000, bytes: 16 * 1_048_576 };

/** Time between two looks of a relay or tailer when nothing wakes it, in milliseconds. */
const POLL_MS = 1000;

/**
 * Starts an application on a migrated database. Only this function connects the parts.
 *
 * @param url the database
 * @param registry topics of all features
 * @param features started in order, stopped in reverse order
 */
export async function startApp(
	config: Config,
	url: string,
	registry: TopicRegistry,
	features: readonly StartFeature[] = []
): Promise<App> {
	const { logger, lines } = createLogger(config.logLevel);
	// Each stream may wait for one statement. A statement that waits too long fails, and the client retries later.
	const waiting = { maxWaiting: config.maxConnections, waitMs: 10_000 };
	const database = openDatabase(url, waiting);
	const history = new Lanes(url, {
		name: 'history',
		size: 3,
		settings: READ_BY_INDEX,
		forRequests: true,
		...waiting
	});
	const writer = new Writer(new SoleConnection(url, { name: 'writer' }), {
		logger: logger.child({ source: 'writer' })
	});
	const relay = new Relay(new SoleConnection(url, { name: 'relay' }), logger, { pollMs: POLL_MS });
	const tailer = new Tailer(
		new SoleConnection(url, { name: 'tailer', settings: READ_BY_INDEX }),
		logger,
		{
			looks: () => hub.looks(),
			deliver: (events, upTo, trimmed) => hub.publish(events, upTo, trimmed),
			atEnd: () => hub.atEnd(),
			replaced: (head) => {
				streams.connections.endAll();
				hub.reset(head);
			}
		},
		{ pollMs: POLL_MS }
	);

	const begin = async () => readFirstWindow(history, await tailer.begin(), logger);
	const recent = await begin().catch(async (error: unknown) => {
		const opened = [writer.close(), relay.stop(), tailer.stop(), history.end(), database.end()];
		await Promise.allSettled(opened);
		throw error;
	});
	const look = () => tailer.wake();
	const hub = new Hub(encoder, { ...recent, look }, WINDOW);

	const newDeviceListeners = new Set<(device: NewDevice) => Promise<void>>();
	const auth = createAuth(database, config, logger, {
		onNewDevice: async (device) => {
			for (const tell of newDeviceListeners) await tell(device);
		}
	});
	const { pool, background } = database;
	const streams = new Streams({
		config,
		logger,
		topics: registry,
		hub,
		writer,
		pool,
		background,
		history
	});

	const listener = new Listener(url, {
		heartbeat: database.background,
		logger: logger.child({ source: 'listener' })
	});
	listener.on('logline_events', () => tailer.wake());
	listener.on('logline_outbox', () => relay.kick());
	listener.on('logline_partitions', () => jobs.makePartitions());
	listener.on('logline_sessions', (sessionID) => {
		if (sessionID === '') void streams.recheckSessions();
		else streams.connections.endSession(sessionID, 'The session has ended.');
	});
	// Postgres keeps no notifications for a disconnected listener, so look for what was missed.
	listener.onListening(() => {
		tailer.wake();
		relay.kick();
		void streams.recheckSessions();
	});

	let draining = false;
	const requests = new UnderWay();
	let stopped: Promise<void> | null = null;
	const stopFeatures: (() => void | Promise<void>)[] = [];

	/** Pending payload checks. Their events were accepted by `append`, so the writer must not close before them. */
	const checking = new Set<Promise<unknown>>();

	async function append(events: NewEvent[], tx?: Transaction): Promise<Appended[] | void> {
		const check = acceptEvents(registry, events).then((accepted) => ({
			// Called in the same tick, not awaited here: after the check, the events are in the queue.
			written: tx ? insertIntoOutbox(tx, accepted) : writer.append(accepted)
		}));
		checking.add(check);
		const { written } = await check.finally(() => checking.delete(check));
		return written;
	}

	const app: App = {
		config,
		logger,
		database,
		auth,
		topics: registry,
		streams,
		append: append as App['append'],
		kickOutbox: () => relay.kick(),
		onSubscribe: (onSubscribe) => streams.onSubscribe(onSubscribe),
		onNewDevice: (listener) => {
			newDeviceListeners.add(listener);
			return () => newDeviceListeners.delete(listener);
		},
		onLogLine: (onLine) => lines.on(onLine),
		isSubscribed: (topic) => streams.connections.has(topic),
		readHistory: async (viewer, topics) => {
			const log = tailer.epoch;
			for (const topic of topics) requireAccess(registry, topic, viewer);
			const declared = topics.map((topic) => ({ topic, last: registry.get(topic)?.replay?.last }));
			const { userId } = viewer;
			const page = await readHistory(history, { userId, topics: declared });
			return { ...page, log, userID: userId };
		},
		health: () =>
			readHealth({
				draining,
				activeConnections: streams.connections.size,
				head: hub.tail,
				tailer,
				relay,
				writer,
				listener,
				lastPartitioned: jobs.lastPartitioned,
				jobs: jobs.all
			}),
		begin: () => {
			if (draining) {
				throw new LoglineError('draining', 'The server is shutting down. Try again.', 503, 1);
			}
			return requests.begin();
		},
		stop: () => (stopped ??= stop())
	};

	async function stop(): Promise<void> {
		draining = true;
		logger.info('draining');
		// Random, so that the clients of this server do not all connect to another one at the same moment.
		streams.connections.close(() =>
			encodeBlock({ retry: Math.round(config.retryMs * (0.2 + 0.8 * Math.random())) })
		);
		const settled = streams.connections.settle(config.shutdownGraceMs / 2);
		// Not awaited yet: a dead connection of a job must not delay the writing of the queue.
		const jobsEnded = jobs.stop();
		jobsEnded.catch(() => undefined); // Reported by its step below.
		await requests.idle(config.shutdownGraceMs / 2);
		const steps: Step[] = [
			...stopFeatures
				.reverse()
				.map((end, i): Step => [`feature ${i}`, end, config.shutdownGraceMs / 4]),
			// Before all steps that may fail or take long: the queued events have been accepted.
			['writer', () => Promise.allSettled(checking).then(() => writer.close())],
			['listener', () => listener.stop()],
			['tailer', () => tailer.stop()],
			['relay', () => relay.stop()],
			['jobs', () => jobsEnded],
			['streams', () => settled],
			['history', () => history.end()],
			['database', () => database.end()]
		];
		try {
			await stopInOrder(steps, (error, step) => {
				logger.error({ err: error, step }, 'a step of the end failed; the others go on');
			});
		} finally {
			if (holder[KEY] === app) delete holder[KEY];
			logger.info('stopped');
		}
	}

	const jobs: Jobs = startJobs({ logger, database, registry, writer, auth });
	await listener.start();
	tailer.start();
	relay.start();
	streams.connections.start();
	holder[KEY] = app;
	try {
		for (const start of features) stopFeatures.push(start(app));
	} catch (error) {
		await app.stop();
		throw error;
	}
	return app;
}
