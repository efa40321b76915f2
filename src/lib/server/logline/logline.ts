import { createRegistry, LoglineError, TopicRegistry } from '../../protocol/index.ts';
import type { Topic, Viewer } from '../../protocol/index.ts';
import { acceptSignal } from '../delivery/signals/accept.ts';
import { acceptEvents, requireUser } from '../log/accept.ts';
import { Consumers } from '../log/consumers/consumers.ts';
import { endTopic } from '../log/end-topic.ts';
import { readHistory, readHistoryPage } from '../log/history.ts';
import { settleGrants } from '../log/grants/read-grants.ts';
import { checkGrant, giveGrant, takeGrant } from '../log/grants/write-grants.ts';
import { insertIntoOutbox } from '../log/outbox.ts';
import { readHead } from '../log/read.ts';
import type { Appended, NewEvent, Transaction } from '../log/types.ts';
import { todaysShape } from '../log/upcast.ts';
import { migrateLog } from '../schema/migrate-log.ts';
import { checkSchemaName, DEFAULT_SCHEMA } from '../schema/schema-name.ts';
import { encodeBlock } from '../sse/frames.ts';
import { requireTopics } from '../streams/carried.ts';
import { readPresent } from '../streams/present.ts';
import { DEFAULT_LIMITS } from '../streams/limits.ts';
import { SignalDoor } from '../streams/signal-door.ts';
import { watch } from '../streams/watch.ts';
import { consoleLogger } from '../work/logger.ts';
import { stopInOrder } from '../work/stop-in-order.ts';
import { UnderWay } from '../work/under-way.ts';
import type { EmittedEvent, Logline, ReadEvent } from './api.ts';
import { createExploring } from './exploring.ts';
import { readHealth } from './health.ts';
import { createHandle, createStreamHandler } from './kit.ts';
import { startLog, type Log } from './log.ts';
import type { LoglineOptions } from './options.ts';
import { createPersonal } from './personal.ts';
import { createReading } from './reading.ts';
import { findRunning, setRunning, unsetRunning } from './running.ts';

/**
 * Creates a Logline. It opens nothing before `start`.
 *
 * ```ts
 * export const logline = createLogline({ url, topics });
 * export const init = () => logline.start(); // hooks.server.ts
 * ```
 */
export function createLogline(options: LoglineOptions): Logline {
	const { schema = DEFAULT_SCHEMA, logger = consoleLogger() } = options;
	checkSchemaName(schema);
	const topics = registryOf(options.topics);
	const limits = { ...DEFAULT_LIMITS, ...options.limits };
	const consumers = new Consumers({ topics, schema, logger });
	const shape = todaysShape(topics, logger);
	const requests = new UnderWay();
	const signalDoor = new SignalDoor();
	/** Pending payload checks. Their events were accepted by `append`, so the writer must not close before them. */
	const checking = new Set<Promise<unknown>>();
	let log: Log | null = null;
	let started: Promise<void> | null = null;
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
			written: tx ? insertIntoOutbox(tx, schema, accepted) : writer.append(accepted)
		}));
		checking.add(check);
		const { written } = await check.finally(() => checking.delete(check));
		return written;
	}

	async function drain(): Promise<void> {
		draining = true;
		// What is still starting must end, too. Who started it hears of its failure.
		await started?.catch(() => undefined);
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

	async function start(): Promise<void> {
		const url = options.url ?? process.env.DATABASE_URL;
		if (!url) throw new Error('Logline has no database. Set DATABASE_URL, or pass `url`.');
		if (options.dev) await findRunning()?.stop();
		if (options.migrate !== false) {
			const notice = (line: string) => logger.warn(line);
			const { applied } = await migrateLog(url, { schema, notice });
			if (applied.length > 0)
				logger.info({ applied }, 'the tables of the log were brought up to date');
		}
		log = await startLog({ ...options, url, schema, topics, limits, logger, consumers });
		setRunning(logline);
	}

	const logline: Logline = {
		...createReading(running),
		...createPersonal(running),
		...createExploring(running, schema),
		topics,
		// A failed start may be tried again.
		async start() {
			if (draining) throw notRunning();
			await (started ??= start().catch((error: unknown) => {
				started = null;
				throw error;
			}));
		},
		stop: () => (stopped ??= stop()),
		drain: () => (drained ??= drain()),
		handle: createHandle(() => logline),
		stream: createStreamHandler(() => logline),
		open: (asked, authenticate) => running().streams.open(asked, authenticate),
		emit: (async ({ event, ...rest }: EmittedEvent<Topic>, tx?: Transaction) => {
			const { userID, ...given } = rest;
			const result = await append([{ topic: event, userId: userID ?? null, ...given }], tx);
			return result?.[0];
		}) as Logline['emit'],
		append: append as Logline['append'],
		end: (topic, tx) => endTopic(running(), schema, topic, tx),
		async signal({ event, data, userID, sender }) {
			const { signals } = running();
			signals.send(await acceptSignal(topics, { topic: event, data, userId: userID, sender }));
		},
		receiveSignal: (viewer, body) => signalDoor.receive(running(), viewer, body),
		presence: (scope) => readPresent(running(), scope),
		async read<K extends Topic>(viewer: Viewer, names: readonly K[]) {
			const { history, tailer } = running();
			const epoch = tailer.epoch;
			// Before the grants: what is appended after one of them has ended is not shown.
			const to = await readHead(history);
			const visible = await requireTopics(running(), viewer, names);
			const wanted = [...visible].map(([topic, { replay, floor }]) => ({
				topic,
				last: replay,
				after: floor
			}));
			const query = { userId: viewer.id, topics: wanted, to, shape };
			const { events, cursor } = await readHistory(history, query);
			return { events: events as ReadEvent<K>[], cursor, log: epoch, userID: viewer.id };
		},
		async history(viewer, topic, { before = null, limit = 50 } = {}) {
			const head = await readHead(running().history);
			const visible = await requireTopics(running(), viewer, [topic]);
			const after = visible.get(topic)!.floor;
			const query = { userId: viewer.id, topic, before, after, head, limit };
			return readHistoryPage(running().history, query);
		},
		watch: (names, watchOptions) =>
			watch(
				{
					open: (...asked) => running().streams.open(...asked),
					topics,
					shape,
					readSessions: options.sessions
				},
				names,
				watchOptions
			),
		async grant(scope, userID, { source, tx } = {}) {
			checkGrant(topics, { scope, userID, source });
			await giveGrant(running().pool, schema, { scope, userID, source }, tx);
			if (!tx) await settleGrants(running().pool, userID);
		},
		async revoke(scope, userID, { source, tx } = {}) {
			checkGrant(topics, { scope, userID, source });
			await takeGrant(running().pool, schema, { scope, userID, source }, tx);
		},
		consume: (...asked) => consumers.add(...asked),
		async settle(userID) {
			requireUser(userID);
			return (await settleGrants(running().pool, userID)) !== 'late';
		},
		async endSession(session) {
			const { streams, background } = running();
			// At once, even if the listener of this process is away.
			streams.connections.endSession(session, 'The session has ended.');
			await background.query(`SELECT pg_notify('logline_sessions', $1)`, [session]);
		},
		kickOutbox: () => running().relay.kick(),
		onSubscribe: (listener) => running().streams.onSubscribe(listener),
		isSubscribed: (topic) => running().streams.connections.has(topic),
		begin() {
			if (draining) throw notRunning();
			return requests.begin();
		},
		health() {
			const { streams, hub, tailer, relay, writer, listener, jobs, ...rest } = running();
			return readHealth({
				draining,
				activeConnections: streams.connections.size,
				head: hub.tail,
				tailer,
				relay,
				writer,
				listener,
				lastPartitioned: jobs.lastPartitioned,
				jobs: [...jobs.all, ...consumers.all, rest.presence, rest.signals, rest.markers]
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
	if (topics instanceof TopicRegistry) return topics;
	return createRegistry(Array.isArray(topics) ? topics : [topics]);
}
