import { createHash, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
	createRegistry,
	type TopicDefinition,
	type Topic,
	type TopicRegistry,
	type Viewer
} from '../../src/lib/protocol/index.ts';
import { startApp, type App } from '../../src/app/app.ts';
import { loadConfig, type Config } from '../../src/app/config.ts';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { answerStream } from '../../src/http/door.ts';

/** An application with its stream endpoint on a real socket, in this process. */
export interface AppServer {
	readonly app: App;
	readonly port: number;
	/** Returns the address of the stream with the given query. */
	stream(query: string): string;
	/** Number of open sockets. */
	sockets(): Promise<number>;
	stop(): Promise<void>;
}

/** Accepts any payload: tests of delivery are not about payloads. */
const anything: TopicDefinition['schema'] = {
	'~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) }
};

/**
 * Topics `a` to `e` replay completely, `recent` its last three events; `legacy` has an upcast; `staff` is only for the user
 * "boss". The patterns need grants; of clubs, a user sees only what came after the grant, and of desks, a new client gets the
 * last three lines.
 */
export const TEST_TOPICS: TopicRegistry = createRegistry([
	Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [name, { schema: anything }])),
	{ recent: { schema: anything, replay: { last: 3 } } },
	{ legacy: { schema: anything, upcast: (data) => `now ${String(data)}` } },
	{ staff: { schema: anything, access: (viewer) => viewer.name === 'boss' } },
	{
		'rooms/[room]/messages': { schema: anything, access: 'granted', presence: true },
		'lobbies/[lobby]/notices': { schema: anything, presence: true },
		'clubs/[club]/news': { schema: anything, access: 'granted', history: 'since-granted' },
		'desks/[desk]/lines': { schema: anything, access: 'granted', replay: { last: 3 } },
		'orgs/[org]/projects/[project]/log': { schema: anything, access: 'granted' },
		'orgs/[org]/chat': { schema: anything, access: 'granted' }
	},
	{
		pointers: { schema: anything, durable: false, coalesce: 'of' },
		'rooms/[room]/typing': {
			schema: anything,
			access: 'granted',
			durable: false,
			send: 'clients',
			ttl: 1500
		}
	}
]);

/** Starts an application on a migrated database. The caller must call `stop`. */
export async function startAppServer(
	url: string,
	config: Partial<Config> = {},
	registry: TopicRegistry = TEST_TOPICS
): Promise<AppServer> {
	const app = await startApp(
		{ ...loadConfig({ LOG_LEVEL: 'silent', DEMO: '0' }), retryMs: 20, ...config },
		url,
		registry
	);
	const server = createServer((request, response) => {
		void answerStream(() => app, request, response);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as AddressInfo;
	return {
		app,
		port,
		stream: (query) => `http://127.0.0.1:${port}/api/events?${query}`,
		sockets: () =>
			new Promise((resolve, reject) =>
				server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
			),
		stop: async () => {
			await app.stop();
			await close(server);
		}
	};
}

/** The first state of a page, for topics without declared payload types. */
interface State {
	events: { id: string; topic: string; data: unknown; json?: string; at: string }[];
	cursor: string;
	log: string;
	userID: string;
}

/** Reads the first state of a page. The topics of tests have no declared payload types. */
export const readState = (app: App, viewer: Viewer, topics: readonly string[]): Promise<State> =>
	app.logline.read(viewer, topics as Topic[]);

/** A signed-in user. */
export interface TestUser {
	id: string;
	name: string;
	/** `cookie` header. */
	cookie: string;
	sessionID: string;
}

/** Creates a user with a session. */
export async function createUser(
	database: string | Sql,
	username = `user-${randomUUID().slice(0, 8)}`
): Promise<TestUser> {
	return over(database, async (sql) => {
		const [row] = await sql<{ id: string }[]>`
			insert into users (id, username, password_hash) values (${randomUUID()}, ${username}, '') returning id`;
		return { id: row!.id, name: username, ...(await createSession(sql, row!.id)) };
	});
}

/** Creates another session of the user. */
export async function createSession(
	database: string | Sql,
	userId: string
): Promise<Pick<TestUser, 'cookie' | 'sessionID'>> {
	return over(database, async (sql) => {
		const token = randomUUID();
		const sessionID = createHash('sha256').update(token).digest('hex');
		await sql`
			insert into sessions (id, user_id, expires_at) values (${sessionID}, ${userId}, now() + interval '30 days')`;
		return { sessionID, cookie: `auth_session=${token}` };
	});
}

/** @param database its address, or a client of it */
async function over<T>(database: string | Sql, work: (sql: Sql) => Promise<T>): Promise<T> {
	if (typeof database !== 'string') return work(database);
	const sql = openClient(database, { max: 1, name: 'test users' });
	try {
		return await work(sql);
	} finally {
		await sql.end();
	}
}

async function close(server: Server): Promise<void> {
	const closed = new Promise((resolve) => server.close(resolve));
	server.closeAllConnections();
	await closed;
}
