import type { Logger } from 'pino';
import { LoglineError, type TopicRegistry } from 'logline';
import {
	createLogline,
	startLoop,
	stopInOrder,
	type Health,
	type Logline,
	type Loop,
	type Step
} from 'logline/server';
import { createAuth, type Auth, type NewDevice } from '$src/accounts/auth.ts';
import { deleteOldGuests, forgetDeletedUsers } from '$src/accounts/deleted-users.ts';
import { forgetRateLimits } from '$src/accounts/throttle.ts';
import { openDatabase, type Database } from './database.ts';
import type { Config } from './config.ts';
import { createLogger, type LogLine } from './logger.ts';

export type { LogLine } from './logger.ts';

/** A running application. Routes and features use it. */
export interface App {
	readonly config: Config;
	readonly logger: Logger;
	readonly database: Database;
	readonly auth: Auth;
	readonly logline: Logline;
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
	/** The current state of the application. */
	health(): Health;
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

/** How often a process deletes what has expired, in milliseconds. */
const MAINTENANCE_MS = 60_000;

/** How often a process deletes guests who cannot come back, in milliseconds. It looks at all that are a day old. */
const GUESTS_MS = 3_600_000;

/** How often a process writes when sessions were last used, in milliseconds. */
const LAST_SEEN_MS = 10_000;

/**
 * Starts an application on a migrated database.
 *
 * @param url the database
 * @param topics topics of all features
 * @param features started in order, stopped in reverse order
 */
export async function startApp(
	config: Config,
	url: string,
	topics: TopicRegistry,
	features: readonly StartFeature[] = []
): Promise<App> {
	const { logger, lines } = createLogger(config.logLevel);
	// Each stream may wait for one statement.
	const database = openDatabase(url, { maxWaiting: config.maxConnections });
	const newDeviceListeners = new Set<(device: NewDevice) => Promise<void>>();
	const auth = createAuth(database, config, logger, {
		onNewDevice: async (device) => {
			for (const tell of newDeviceListeners) await tell(device);
		},
		onDeleted: () => deletions.wake()
	});
	const logline = createLogline({
		url,
		// drizzle/migrate.ts does it, in one go with the app's own tables.
		migrate: false,
		topics,
		limits: config,
		logger,
		sessions: (sessions) => auth.readExpiries(sessions),
		connections: database
	});
	await logline.start().catch(async (error: unknown) => {
		await database.end();
		throw error;
	});
	const stopping = new AbortController();
	const every = (name: string, work: () => Promise<unknown>, ms = MAINTENANCE_MS): Loop =>
		startLoop({ name, logger, later: true, round: () => work().then(() => ms) });
	const { background } = database;
	const { signal } = stopping;
	const deletions = every('deleted users', () => forgetDeletedUsers(background, logline, signal));
	const jobs = [
		every('sessions', () => auth.endExpiredSessions()),
		every('rate limits', () => forgetRateLimits(background, signal)),
		every('last seen', () => auth.writeLastSeen(), LAST_SEEN_MS),
		every('guests', () => deleteOldGuests(background, signal), GUESTS_MS),
		deletions
	];
	const stopFeatures: (() => void | Promise<void>)[] = [];
	let stopped: Promise<void> | null = null;

	const app: App = {
		config,
		logger,
		database,
		auth,
		logline,
		onNewDevice: (listener) => {
			newDeviceListeners.add(listener);
			return () => newDeviceListeners.delete(listener);
		},
		onLogLine: (onLine) => lines.on(onLine),
		health: () => {
			const health = logline.health();
			const failing = jobs.filter((job) => job.failing).map((job) => job.name);
			return { ...health, failing: [...health.failing, ...failing].sort() };
		},
		stop: () => (stopped ??= stop())
	};

	async function stop(): Promise<void> {
		stopping.abort();
		await logline.drain();
		const steps: Step[] = [
			...stopFeatures
				.reverse()
				.map((end, i): Step => [`feature ${i}`, end, config.shutdownGraceMs / 4]),
			['log', () => logline.stop()],
			['jobs', () => Promise.all(jobs.map((job) => job.stop()))],
			['database', () => database.end()]
		];
		try {
			await stopInOrder(steps, (error, step) => {
				logger.error({ err: error, step }, 'a step of the end failed; the others go on');
			});
		} finally {
			if (holder[KEY] === app) delete holder[KEY];
		}
	}

	holder[KEY] = app;
	try {
		for (const start of features) stopFeatures.push(start(app));
	} catch (error) {
		await app.stop();
		throw error;
	}
	return app;
}
