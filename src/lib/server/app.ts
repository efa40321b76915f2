import type { Logger } from 'pino';
import type { TopicRegistry, Viewer } from '$lib/protocol';
import type { Auth } from './auth/auth.ts';
import type { Config } from './config.ts';
import type { Database } from './database/client.ts';
import type { Appended, NewEvent, Transaction } from './log/types.ts';

/** A running application: what routes and features may use. */
export interface App {
	readonly config: Config;
	readonly logger: Logger;
	readonly database: Database;
	readonly auth: Auth;
	readonly topics: TopicRegistry;
	/**
	 * Appends events to the log and resolves when they are durable, in the order given.
	 *
	 * @param tx an open drizzle transaction: the events go to the outbox and become visible with its commit; the promise then
	 *   resolves with nothing, because ids are given later.
	 * @throws LoglineError `unknown_topic`, `invalid_data`
	 */
	append(events: NewEvent[]): Promise<Appended[]>;
	append(events: NewEvent[], tx: Transaction): Promise<void>;
	/** Moves committed outbox rows into the log now. Call after a commit of plain SQL that wrote to `outbox`. */
	kickOutbox(): void;
	/** Called whenever a client subscribes (also on each reconnect). Returns how to stop listening. */
	onSubscribe(listener: (viewer: Viewer, topics: readonly string[]) => void): () => void;
	/** Whether any client of this process is subscribed to the topic now. */
	isSubscribed(topic: string): boolean;
	/**
	 * Called, in the same tick, with each line this process logs; a listener must not throw. Only for lines that say nothing
	 * about users: `message` is the line's text, and the fields beside it (addresses, names, errors) are left out. Returns how
	 * to stop listening.
	 */
	onLogLine(listener: (line: LogLine) => void): () => void;
}

/** A line of the application's own log. */
export interface LogLine {
	/** pino's name of the level: `trace`, `debug`, `info`, `warn`, `error`, `fatal`. */
	level: string;
	/** The part that speaks: `source` of the child logger, `app` when it has none. */
	source: string;
	message: string;
}

/** What a feature's `start.server.ts` exports as `start`: begins its work, and returns how to end it. */
export type StartFeature = (app: App) => () => void | Promise<void>;

const KEY = Symbol.for('logline.app');

/**
 * The application of this process.
 *
 * @throws Error before `init` of hooks.server.ts has finished.
 */
export function getApp(): App {
	const app = (globalThis as { [KEY]?: App })[KEY];
	if (!app) throw new Error('The application has not started');
	return app;
}
