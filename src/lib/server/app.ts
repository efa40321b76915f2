import type { Logger } from 'pino';
import { LoglineError, type TopicRegistry, type Viewer } from '$lib/protocol';
import { createAuth, type Auth, type NewDevice } from './auth/auth.ts';
import { requireAccess } from './auth/may-subscribe.ts';
import type { Config } from './config.ts';
import { openDatabase, type Database } from './database/client.ts';
import { Lanes } from './database/lanes.ts';
import { Listener } from './database/listener.ts';
import { SoleConnection } from './database/sole-connection.ts';
import { Hub } from './delivery/hub.ts';
import { acceptEvents } from './log/accept.ts';
import { Writer } from './log/append.ts';
import { readHistory, type HistoryEvent } from './log/history.ts';
import { readLastHorizon } from './log/horizons.ts';
import { insertIntoOutbox } from './log/outbox.ts';
import { maintainLog } from './log/maintain.ts';
import { readRecent } from './log/read.ts';
import { Relay } from './log/relay.ts';
import { trimLog } from './log/retention.ts';
import { Tailer } from './log/tail.ts';
import type { Appended, NewEvent, Transaction } from './log/types.ts';
import { createLogger, type LogLine } from './logger.ts';
import { startLoop } from './loop.ts';
import { encodeBlock, encoder } from './sse/frames.ts';
import { Streams } from './streams.ts';

export type { LogLine } from './logger.ts';

/** A running application: what routes and features may use. */
export interface App {
	readonly config: Config;
	readonly logger: Logger;
	readonly database: Database;
	readonly auth: Auth;
	readonly topics: TopicRegistry;
	readonly streams: Streams;
	/**
	 * Appends events to the log and resolves when they are durable, in the order given.
	 *
	 * @param tx an open drizzle transaction: the events go to the outbox and become visible with its commit; the promise then
	 *   resolves with nothing, because ids are given later.
	 * @throws LoglineError `unknown_topic`, `invalid_data`, `log_busy`, `append_timeout`
	 */
	append(events: NewEvent[]): Promise<Appended[]>;
	append(events: NewEvent[], tx: Transaction): Promise<void>;
	/** Moves committed outbox rows into the log now. Call after a commit of plain SQL that wrote to `outbox`. */
	kickOutbox(): void;
	/** Called whenever a client subscribes (also on each reconnect). Returns how to stop listening. */
	onSubscribe(listener: (viewer: Viewer, topics: readonly string[]) => void): () => void;
	/**
	 * Called when somebody signs in from a device they have not used before. Rejecting is logged, and the next sign-in from
	 * there calls again. Returns how to stop listening.
	 */
	onNewDevice(listener: (device: NewDevice) => Promise<void>): () => void;
	/** Called for each line the application logs, with nothing but level, source and message. */
	onLogLine(listener: (line: LogLine) => void): () => void;
	/** Whether any client of this process is subscribed to the topic now. */
	isSubscribed(topic: string): boolean;
	/**
	 * What a page shows at first: the viewer's history of some topics, and the position of the log it is true for. A client
	 * that starts with this position as its cursor misses nothing and gets nothing twice.
	 */
	readHistory(
		viewer: Viewer,
		topics: readonly string[]
	): Promise<{ events: HistoryEvent[]; cursor: string; log: string; userID: string }>;
	/** How the application is. */
	health(): Health;
	/** Counts a request that is under way, so that `stop` can wait for it. Returns what to call at its end. */
	begin(): () => void;
	/** Ends streams, writes what is queued, closes everything. Calling it again waits for the same end. */
	stop(): Promise<void>;
}

/** What `GET /api/health` answers. */
export interface Health {
	status: 'ok' | 'degraded' | 'draining';
	timestamp: string;
	activeConnections: number;
	database: 'up' | 'down';
	listener: 'up' | 'down';
	head: string;
	/** Milliseconds since the log was last looked at. */
	lagMs: number;
}

/** What a feature's `start.server.ts` exports as `start`: begins its work, and returns how to end it. */
export type StartFeature = (app: App) => () => void | Promise<void>;

const KEY = Symbol.for('logline.app');
const holder = globalThis as { [KEY]?: App };

/**
 * The application of this process.
 *
 * @throws Error before `init` of hooks.server.ts has finished.
 */
export function getApp(): App {
	const app = holder[KEY];
	if (!app) throw new Error('The application has not started');
	return app;
}

/** What memory may hold of the log's newest events. */
const WINDOW = { events: 10_000, bytes: 16 * 1_048_576 };

/** Makes room in the window's first read for what is about to be pushed out of it. */
const FIRST_WINDOW = 2_000;

/** How long a relay or tailer waits between two looks when nothing wakes it, in milliseconds. */
const POLL_MS = 1000;

/** How often a process looks after what grows, in milliseconds. */
const MAINTENANCE_MS = 60_000;

/**
 * Starts an application on a database that is up to date: the only place where the parts meet.
 *
 * @param url the database
 * @param registry topics of all features
 * @param features started in order, stopped in reverse
 */
export async function startApp(
	config: Config,
	url: string,
	registry: TopicRegistry,
	features: readonly StartFeature[] = []
): Promise<App> {
	const { logger, lines } = createLogger(config.logLevel);
	const database = openDatabase(url);
	// Not the pool of `database`: a client must not wait for ever behind connections that died without a word.
	const pool = new Lanes(url, { name: 'streams', size: 8 });
	const history = new Lanes(url, { name: 'history', size: 4 });
	const writer = new Writer(new SoleConnection(url, { name: 'writer' }));
	const relay = new Relay(new SoleConnection(url, { name: 'relay' }), logger, { pollMs: POLL_MS });
	const tailer = new Tailer(
		new SoleConnection(url, { name: 'tailer' }),
		logger,
		(events) => hub.publish(events),
		(head) => {
			streams.connections.endAll();
			hub.reset(head);
		},
		{ pollMs: POLL_MS }
	);

	const tail = await tailer.begin();
	const recent = await readRecent(pool, tail, FIRST_WINDOW);
	// What was trimmed is missing among them: whoever was away for that long asks the log, which knows it and tells.
	const horizon = await readLastHorizon(pool);
	const first = recent.length < FIRST_WINDOW ? 0n : recent[0]!.id - 1n;
	const floor = horizon > first ? horizon : first;
	const hub = new Hub(encoder, { tail, floor, recent }, WINDOW);

	const newDeviceListeners = new Set<(device: NewDevice) => Promise<void>>();
	const auth = createAuth(database, config, logger, {
		onNewDevice: async (device) => {
			for (const tell of newDeviceListeners) await tell(device);
		}
	});
	const streams = new Streams({ config, logger, topics: registry, hub, writer, pool, history });

	const listener = new Listener(url, { heartbeat: pool, logger });
	listener.on('logline_events', () => tailer.wake());
	listener.on('logline_outbox', () => relay.kick());
	listener.on('logline_sessions', (sessionID) =>
		streams.connections.endSession(sessionID, 'The session has ended.')
	);
	// Nothing is kept for a listener that was away: look for what it may have missed.
	listener.onListening(() => {
		tailer.wake();
		relay.kick();
		void streams.recheckSessions();
	});

	const retention = new SoleConnection(url, { name: 'retention', answerMs: 60_000 });
	const stopping = new AbortController();
	let draining = false;
	let underWay = 0;
	let idle: (() => void) | null = null;
	let stopped: Promise<void> | null = null;
	const stopFeatures: (() => void | Promise<void>)[] = [];

	async function append(events: NewEvent[], tx?: Transaction): Promise<Appended[] | void> {
		const accepted = await acceptEvents(registry, events);
		if (!tx) return writer.append(accepted);
		await insertIntoOutbox(tx, accepted);
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
		health: () => {
			const lagMs = Math.max(0, Date.now() - tailer.lastLook);
			const up = lagMs < 5 * POLL_MS;
			return {
				status: draining ? 'draining' : up && listener.state === 'up' ? 'ok' : 'degraded',
				timestamp: new Date().toISOString(),
				activeConnections: streams.connections.size,
				database: up ? 'up' : 'down',
				listener: listener.state,
				head: hub.tail.toString(),
				lagMs
			};
		},
		begin: () => {
			if (draining) {
				throw new LoglineError('draining', 'The server is shutting down. Try again.', 503, 1);
			}
			underWay++;
			return () => {
				underWay--;
				if (underWay === 0) idle?.();
			};
		},
		stop: () => (stopped ??= stop())
	};

	/** Requests that are still being answered, for at most half of the grace. */
	async function answered(): Promise<void> {
		if (underWay === 0) return;
		let timer: NodeJS.Timeout | undefined;
		await new Promise<void>((resolve) => {
			idle = resolve;
			timer = setTimeout(resolve, config.shutdownGraceMs / 2);
		});
		clearTimeout(timer);
	}

	async function stop(): Promise<void> {
		draining = true;
		logger.info('draining');
		// Jittered, so that the clients of this server do not all arrive at another in the same moment.
		streams.connections.close(() =>
			encodeBlock({ retry: Math.round(config.retryMs * (0.2 + 0.8 * Math.random())) })
		);
		stopping.abort();
		// Not waited for yet: a connection that has died without a word must not keep the queue from being written.
		const maintained = maintenance.stop();
		await answered();
		for (const stopFeature of stopFeatures.reverse()) await stopFeature();
		await listener.stop();
		await tailer.stop();
		await relay.stop();
		await writer.close();
		await Promise.all([history.end(), pool.end(), database.end(), retention.end()]);
		await maintained;
		if (holder[KEY] === app) delete holder[KEY];
		logger.info('stopped');
	}

	await listener.start();
	tailer.start();
	relay.start();
	streams.connections.start();
	const maintenance = startLoop({
		name: 'maintenance',
		logger,
		round: async () => {
			await maintainLog(pool);
			await trimLog(retention, registry, stopping.signal);
			await auth.endExpiredSessions();
			return MAINTENANCE_MS;
		}
	});
	holder[KEY] = app;
	for (const start of features) stopFeatures.push(start(app));
	return app;
}
