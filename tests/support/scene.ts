import { openClient, type Sql } from '../../src/app/driver-client.ts';
import type { Config } from '../../src/app/config.ts';
import { createUser, startAppServer, type AppServer, type TestUser } from './app-server.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { StreamClient } from './stream-client.ts';
import { until } from './until.ts';

/** A database, a server, a user and what a test opens on them. `close` ends all of it. */
export interface Scene {
	readonly database: TestDatabase;
	readonly server: AppServer;
	readonly user: TestUser;
	/** Plain SQL, as any program sends it. */
	readonly sql: Sql;
	/** Opens a stream as the user. */
	open(
		query: string,
		options?: { lastEventID?: string | undefined; server?: AppServer }
	): StreamClient;
	/** Starts a second application on the same database, like another process. */
	addServer(config?: Partial<Config>): Promise<AppServer>;
	/** Inserts one event for everyone per value, each in its own statement. Resolves when the servers have read them. */
	insert(topic: string, ...values: unknown[]): Promise<void>;
	close(): Promise<void>;
}

/** @param options.url the test's own database, instead of one on the server of the run */
export async function openScene(
	config: Partial<Config> = {},
	options: { url?: string } = {}
): Promise<Scene> {
	const database = options.url
		? { url: options.url, name: '', drop: () => Promise.resolve() }
		: await createTestDatabase();
	const sql = openClient(database.url, { max: 4, name: 'test sql' });
	const servers = [await startAppServer(database.url, config)];
	const clients: StreamClient[] = [];
	const user = await createUser(sql);
	const server = servers[0]!;
	return {
		database,
		server,
		user,
		sql,
		open: (query, { lastEventID, server: at = server } = {}) => {
			const headers: Record<string, string> = lastEventID ? { 'last-event-id': lastEventID } : {};
			const client = new StreamClient(at.stream(query), { cookie: user.cookie, headers });
			clients.push(client);
			return client;
		},
		addServer: async (other = config) => {
			const added = await startAppServer(database.url, other);
			servers.push(added);
			return added;
		},
		insert: async (topic, ...values) => {
			for (const value of values) {
				await sql`insert into events (topic, data) values (${topic}, ${sql.json(value as never)})`;
			}
			const [row] = await sql<{ head: string }[]>`select max(id) as head from events`;
			const seen = ({ app }: AppServer) =>
				app.health().status === 'draining' || BigInt(app.health().head) >= BigInt(row!.head);
			await until(() => servers.every(seen), { what: 'the servers have seen the events' });
		},
		close: async () => {
			for (const client of clients) client.close();
			for (const started of servers) await started.stop();
			// A test may have made its connections deaf.
			await sql.end({ timeout: 1 });
			await database.drop();
		}
	};
}
