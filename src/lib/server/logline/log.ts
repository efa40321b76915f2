import type { TopicRegistry } from '../../protocol/index.ts';
import type { Queryable } from '../database/queryable.ts';
import { Lanes, type LanesOptions } from '../database/lanes.ts';
import { Listener } from '../database/listener.ts';
import { READ_BY_INDEX } from '../database/read-by-index.ts';
import { SoleConnection } from '../database/sole-connection.ts';
import { readFirstWindow } from '../delivery/first-window.ts';
import { Hub } from '../delivery/hub.ts';
import { Presence } from '../delivery/presence/presence.ts';
import { Signals } from '../delivery/signals/signals.ts';
import { openExplorer } from '../log/explore/connections.ts';
import { createPageReader } from '../delivery/page-reader.ts';
import { Writer } from '../log/append.ts';
import type { Consumers } from '../log/consumers/consumers.ts';
import { declareTopics, renewDeclarations } from '../log/declarations.ts';
import { readEndedOfMany } from '../log/end-topic.ts';
import { Relay } from '../log/relay.ts';
import { Tailer } from '../log/tail.ts';
import { encoder } from '../sse/frames.ts';
import { schemaSettings } from '../schema/schema-name.ts';
import { readClientStates, type ClientAsked } from '../streams/client.ts';
import type { StreamLimits } from '../streams/limits.ts';
import { MarkerFeed } from '../streams/marker-feed.ts';
import type { StreamParts } from '../streams/parts.ts';
import { Roster } from '../streams/roster.ts';
import { Streams } from '../streams/streams.ts';
import type { Logger } from '../work/logger.ts';
import { sharedRead } from '../work/shared-read.ts';
import type { Step } from '../work/stop-in-order.ts';
import { Trouble } from '../work/trouble.ts';
import { startJobs, type Jobs } from './jobs.ts';
import type { LoglineOptions } from './options.ts';

/** Limits of the window of newest events in memory. */
const WINDOW = { events: 10_000, bytes: 16 * 1_048_576 };

/** Time between two looks of a relay or tailer when nothing wakes it, in milliseconds. */
const POLL_MS = 1000;

/** The running parts. */
export interface Log extends StreamParts {
	tailer: Tailer;
	relay: Relay;
	listener: Listener;
	jobs: Jobs;
	streams: Streams;
	signals: Signals;
	/** One connection for searches, which may be slow: streams must not wait for them. */
	explorer: Queryable;
	/** Ends the parts, in order. The first steps end the consumers and write what is queued. */
	steps: Step[];
}

/** Options with their defaults filled in. */
export interface LogOptions extends Pick<
	LoglineOptions,
	'sessions' | 'connections' | 'consumerWaitSeconds'
> {
	url: string;
	schema: string;
	topics: TopicRegistry;
	limits: StreamLimits;
	logger: Logger;
	consumers: Consumers;
}

/** Starts the parts on a migrated database, and connects them. No other function does. */
export async function startLog(options: LogOptions): Promise<Log> {
	const { url, schema, topics, limits, logger, consumers, consumerWaitSeconds } = options;
	const settings = schemaSettings(schema);
	const readSettings = { ...READ_BY_INDEX, ...settings };
	// Each stream may wait for one statement. A statement that waits too long fails, and the client retries later.
	const waiting = { maxWaiting: limits.maxConnections, waitMs: 10_000 };
	const { pool, background, end: endOwn } = connectionsOf(options, { settings, ...waiting });
	const history = new Lanes(url, {
		name: 'history',
		size: 3,
		settings: readSettings,
		forRequests: true,
		...waiting
	});
	const explorer = openExplorer(url, readSettings);
	const writer = new Writer(new SoleConnection(url, { name: 'writer', settings }), {
		logger: logger.child({ source: 'writer' })
	});
	const relay = new Relay(new SoleConnection(url, { name: 'relay', settings }), logger, {
		pollMs: POLL_MS
	});
	const tailer = new Tailer(
		new SoleConnection(url, { name: 'tailer', settings: readSettings }),
		logger,
		{
			looks: () => hub.looks(),
			deliver: (events, upTo, trimmed) => {
				presence.saw(events);
				hub.publish(events, upTo, trimmed);
				consumers.wake(events);
			},
			atEnd: () => hub.atEnd(),
			replaced: (head) => {
				streams.connections.endAll();
				hub.reset(head);
				jobs.declareAgain();
			},
			moved: () => {
				streams.connections.endAll(({ isLevel }) => !isLevel);
				jobs.declareAgain();
			}
		},
		{ pollMs: POLL_MS }
	);

	const begin = async () => {
		const declaredAt = await declareTopics(background, topics);
		await renewDeclarations(background, topics);
		return { declaredAt, recent: await readFirstWindow(history, await tailer.begin(), logger) };
	};
	const { declaredAt, recent } = await begin().catch(async (error: unknown) => {
		const opened = [writer.close(), relay.stop(), tailer.stop(), history.end(), endOwn()];
		await Promise.allSettled(opened);
		throw error;
	});
	const hub = new Hub(encoder, { ...recent, look: () => tailer.wake() }, WINDOW);
	const presence = new Presence({
		connection: new SoleConnection(url, { name: 'presence', settings }),
		topics,
		logger
	});
	const parts: StreamParts = {
		limits,
		logger,
		topics,
		hub,
		presence,
		writer,
		pool,
		background,
		history,
		readClient: sharedRead((clients: readonly ClientAsked[]) => readClientStates(pool, clients)),
		readEnded: sharedRead((requests: readonly (readonly string[])[]) =>
			readEndedOfMany(pool, requests)
		),
		readPage: createPageReader(history, logger),
		markers: new MarkerFeed({ topics, pool, history, logger }),
		grantsTrouble: new Trouble(logger, {
			lasts: 'grants cannot be read; streams wait with what may have changed',
			over: 'grants are read again'
		}),
		onStreamError: (error) => logger.error({ err: error }, 'a stream ended by an error'),
		readSessions: options.sessions
	};
	const streams = new Streams(parts);
	const roster = new Roster(streams.connections, () => hub.tail);
	const signals = new Signals({
		connection: new SoleConnection(url, { name: 'signals', settings }),
		hub,
		epoch: () => tailer.epoch,
		logger
	});
	const jobs = startJobs({
		url,
		settings,
		logger,
		background,
		topics,
		declaredAt,
		writer,
		roster,
		consumerWaitSeconds
	});
	const listener = listen(url, { ...parts, streams, tailer, relay, jobs, signals });
	await listener.start();
	tailer.start();
	relay.start();
	parts.markers.start();
	signals.start();
	presence.start();
	streams.connections.start();
	const ofConsumers = new SoleConnection(url, { name: 'consumers', settings: readSettings });
	consumers.begin(ofConsumers, () => tailer.tail);
	const steps: Step[] = [
		['consumers', () => consumers.stop(limits.shutdownGraceMs / 4), limits.shutdownGraceMs / 2],
		['writer', () => writer.close()],
		['listener', () => listener.stop()],
		['signals', () => signals.stop()],
		['presence', () => presence.stop()],
		['tailer', () => tailer.stop()],
		['relay', () => relay.stop()],
		['markers', () => parts.markers.stop()],
		['jobs', () => jobs.stop()],
		['history', () => history.end()],
		['explorer', () => explorer.end()],
		['connections', endOwn]
	];
	return { ...parts, tailer, relay, listener, jobs, streams, signals, explorer, steps };
}

/** The connections that the application shares, or new ones. */
function connectionsOf(
	{ url, connections }: LogOptions,
	own: Pick<LanesOptions, 'settings' | 'maxWaiting' | 'waitMs'>
): { pool: Queryable; background: Queryable; end: () => Promise<unknown> } {
	if (connections) return { ...connections, end: () => Promise.resolve() };
	const pool = new Lanes(url, { name: 'pool', size: 4, forRequests: true, ...own });
	const background = new SoleConnection(url, { name: 'background', settings: own.settings });
	return { pool, background, end: () => Promise.all([pool.end(), background.end()]) };
}

/** Passes on what Postgres notifies of. Postgres keeps nothing for a listener that was disconnected, so it looks then. */
function listen(
	url: string,
	parts: Pick<
		Log,
		| 'background'
		| 'logger'
		| 'streams'
		| 'tailer'
		| 'relay'
		| 'jobs'
		| 'markers'
		| 'signals'
		| 'presence'
	>
): Listener {
	const { streams, tailer, relay, jobs, markers, signals, presence } = parts;
	const listener = new Listener(url, {
		heartbeat: parts.background,
		logger: parts.logger.child({ source: 'listener' })
	});
	listener.on('logline_events', () => tailer.wake());
	listener.on('logline_outbox', () => relay.kick());
	listener.on('logline_presence', (scopes) => presence.notified(scopes));
	listener.on('logline_signals', (packet) => signals.receive(packet));
	listener.on('logline_partitions', () => jobs.makePartitions());
	listener.on('logline_read', (moved) => markers.moved(moved));
	listener.on('logline_sessions', (sessionID) => {
		if (sessionID === '') {
			void streams.recheckSessions();
			return;
		}
		streams.connections.endSession(sessionID, 'The session has ended.');
		jobs.forgetSession(sessionID);
	});
	listener.onListening(() => {
		presence.lookAtAll();
		tailer.wake();
		relay.kick();
		markers.readAgain();
		void streams.recheckSessions();
	});
	return listener;
}
