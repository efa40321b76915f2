import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import {
	createRegistry,
	type Topic,
	type TopicDefinition
} from '../../../src/lib/protocol/index.ts';
import { createLogline, type Logger, type Logline } from '../../../src/lib/server/index.ts';
import type {
	ConsumedEvent,
	Consumer,
	ConsumeOptions
} from '../../../src/lib/server/log/consumers/types.ts';
import { openClient, type Sql } from '../../../src/app/driver-client.ts';
import { createTestDatabase } from '../../support/database.ts';

const schema: TopicDefinition['schema'] = {
	'~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) }
};

/** Topics of the tests of consumers. */
export const TOPICS = createRegistry([
	{ a: { schema }, b: { schema }, c: { schema } },
	{ old: { schema, upcast: (data) => ({ now: data }) } },
	{ short: { schema, retention: { seconds: 1 } }, few: { schema, retention: { lastPerUser: 3 } } },
	{ 'rooms/[room]/messages': { schema, access: 'granted' } }
]);

/** A transaction, as the tests use it. */
export type Tx = Parameters<Parameters<PostgresJsDatabase['transaction']>[0]>[0];

/** A database, and what a test opens on it. `close` ends all of it. */
export interface Stand {
	url: string;
	sql: Sql;
	/** Warnings and errors of all Loglines. */
	lines: string[];
	/** Starts a Logline, like another process. */
	logline(options?: { start?: boolean; graceMs?: number; url?: string }): Promise<Logline>;
	/** The client of an application: drizzle on the driver from npm. */
	client(url?: string): PostgresJsDatabase & { $client: Sql };
	/** Starts a consumer that notes each event in the table `seen`, with the event's data. */
	consume(
		logline: Logline,
		topics: string[],
		options?: Partial<ConsumeOptions<Tx>> & {
			name?: string;
			before?: (event: ConsumedEvent<Topic>, tx: Tx) => unknown;
		}
	): Consumer;
	/** Data of the events that were handled, in the order in which it happened. */
	seen(name?: string): Promise<unknown[]>;
	append(topic: string, ...values: unknown[]): Promise<void>;
	close(): Promise<void>;
}

/** @param given the address of a migrated database; absent: one on the server of the run */
export async function openStand(given?: string): Promise<Stand> {
	const database = given
		? { url: given, drop: () => Promise.resolve() }
		: await createTestDatabase();
	const { url } = database;
	const sql = openClient(url, { max: 3, name: 'test sql' });
	await sql`create table if not exists seen (n bigserial, name text, event_id bigint, topic text, user_id text, data jsonb)`;
	const lines: string[] = [];
	const note = (about: unknown, line?: string) => {
		const { err } = about as { err?: unknown };
		lines.push(line === undefined ? String(about) : err ? `${line}: ${String(err)}` : line);
	};
	const logger: Logger = {
		debug: () => {},
		info: () => {},
		warn: note,
		error: note,
		child: () => logger
	};
	const loglines: Logline[] = [];
	const clients: Sql[] = [];
	const stand: Stand = {
		url,
		sql,
		lines,
		logline: async ({ start = true, graceMs = 1000, url: at = url } = {}) => {
			const logline = createLogline({
				url: at,
				topics: TOPICS,
				migrate: false,
				logger,
				limits: { shutdownGraceMs: graceMs }
			});
			loglines.push(logline);
			if (start) await logline.start();
			return logline;
		},
		client: (at = url) => {
			const client = postgres(at, {
				max: 2,
				onnotice: () => {},
				backoff: (() => 0.05) as never,
				connection: { application_name: 'application' }
			});
			clients.push(client);
			return drizzle(client);
		},
		consume: (logline, topics, { name = 'test', before, ...options } = {}) => {
			const db = options.transaction ? null : stand.client();
			return logline.consume<Topic, Tx>(
				name,
				topics as Topic[],
				async (event: ConsumedEvent<Topic>, tx) => {
					const { id, topic, userID, data } = event as ConsumedEvent<Topic> & { data: unknown };
					const values = [name, id, topic, userID, JSON.stringify(data)]
						.map((value) => (value === null ? 'null' : `'${value}'`))
						.join(', ');
					await tx.execute(
						`insert into seen (name, event_id, topic, user_id, data) values (${values})`
					);
					await before?.(event, tx);
				},
				{ transaction: (work) => db!.transaction(work), ...options }
			);
		},
		seen: async (name = 'test') =>
			(await sql<{ data: unknown }[]>`select data from seen where name = ${name} order by n`).map(
				({ data }) => data
			),
		append: async (topic, ...values) => {
			for (const value of values) {
				await sql`insert into events (topic, data) values (${topic}, ${sql.json(value as never)})`;
			}
		},
		close: async () => {
			for (const logline of loglines) await logline.stop();
			for (const client of clients) await client.end({ timeout: 1 });
			await sql.end();
			await database.drop();
		}
	};
	return stand;
}
