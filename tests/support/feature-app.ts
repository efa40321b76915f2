import { randomUUID } from 'node:crypto';
import { pino, type Logger } from 'pino';
import type { Viewer } from '../../src/lib/protocol/index.ts';
import { openDatabase, type Database } from '../../src/app/database.ts';
import type { User } from '../../src/accounts/user.ts';
import type { Logline } from '../../src/lib/server/index.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { Relay } from '../../src/lib/server/log/relay.ts';
import { sqlOn } from './queryable.ts';

/** The parts of an application that a feature's server part needs: a database, the outbox relay, subscriptions, a log. */
export interface FeatureApp {
	database: Database;
	logger: Logger;
	logline: Pick<Logline, 'kickOutbox' | 'onSubscribe' | 'isSubscribed'>;
	/** Simulates a client that subscribes. */
	subscribe(viewer: Viewer, topics: readonly string[]): void;
	/** Simulates clients that leave. */
	unsubscribe(): void;
	/** Everything that was logged. */
	readonly lines: readonly { level: number; msg: string }[];
	end(): Promise<void>;
}

/** @param name shown in `pg_stat_activity` */
export function startFeatureApp(url: string, name = 'feature test'): FeatureApp {
	const lines: { level: number; msg: string }[] = [];
	const logger = pino(
		{ level: 'debug' },
		{ write: (text) => void lines.push(JSON.parse(text) as { level: number; msg: string }) }
	);
	const database = openDatabase(url, { max: 3, name });
	const relay = new Relay(new SoleConnection(url, { name: 'relay' }), logger, { pollMs: 200 });
	relay.start();
	const listeners = new Set<(viewer: Viewer, topics: readonly string[]) => void>();
	const subscribed = new Set<string>();
	return {
		database,
		logger,
		lines,
		logline: {
			kickOutbox: () => relay.kick(),
			onSubscribe: (listener) => {
				listeners.add(listener);
				return () => listeners.delete(listener);
			},
			isSubscribed: (topic) => subscribed.has(topic)
		},
		subscribe: (viewer, topics) => {
			for (const topic of topics) subscribed.add(topic);
			for (const listener of listeners) listener(viewer, topics);
		},
		unsubscribe: () => subscribed.clear(),
		end: async () => {
			await relay.stop();
			await database.end();
		}
	};
}

/** Adds a user who cannot sign in. */
export async function addUser(database: Database, username: string): Promise<User> {
	const [row] = await sqlOn(database)<{ id: string }[]>`
		insert into users (id, username, password_hash) values (${randomUUID()}, ${username}, '') returning id`;
	return { id: row!.id, name: username };
}
