import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRegistry, type TopicDefinition } from '../../src/lib/protocol/index.ts';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { answerStream } from '../../src/http/door.ts';
import {
	createUser,
	startAppServer,
	type AppServer,
	type TestUser
} from '../support/app-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { BrowserClients, PAGE } from './browser.ts';
import type { Reading } from './client.ts';

/** The `retry:` values of the first and the second server, in milliseconds. */
export const RETRY_MS = { first: 1000, second: 3000 };

/** Maximum age of a stream on the second server, in milliseconds. */
const MAX_AGE_MS = 3000;

/** The trials. Some run one after the other and some at the same time; each has its own topics. */
export const TRIALS = ['cut', 'refused', 'brought', 'begun', 'drained', 'aged'] as const;
export type Trial = (typeof TRIALS)[number];

/** Maximum number of ways of a stand. */
const WAYS = 50;

/** A request for a stream. */
export interface Asked {
	at: number;
	/** When its response ended; 0: it has not ended. */
	endedAt: number;
	/** How it sent the cursor: a header or a parameter; null: not at all. */
	cursor: 'header' | 'lastEventId' | null;
}

/** A client's way to the server, with its own origin and topics. */
export interface Way {
	readonly number: number;
	readonly proxy: Proxy;
	/** Returns what a client must read in a trial. */
	reading(trial: Trial): Reading;
}

/** The two topics of a trial. Those of `brought` depend on grants, and the client asks for them by a wildcard. */
const topicsOf = (way: number, trial: Trial) =>
	['a', 'b'].map((room) =>
		trial === 'brought' ? `w${way}/${room}/news` : `${way}.${trial}.${room}`
	);

const anything: TopicDefinition['schema'] = {
	'~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) }
};

/**
 * Two real servers on one database behind one address. New requests go to the first server until it is stopped. Requests of
 * `aged` trials go to the second.
 */
export class Stand {
	readonly browser = new BrowserClients();
	readonly #asked = new Map<string, Asked[]>();
	readonly #refusing = new Set<string>();
	readonly #ways: Way[] = [];
	#database!: TestDatabase;
	#sql!: Sql;
	#user!: TestUser;
	#first!: AppServer;
	#second!: AppServer;
	#firstStops = false;
	#opened = 0;
	readonly #front = createServer((request, response) => this.#answer(request, response));

	async start(): Promise<void> {
		const names = Array.from({ length: WAYS }, (_, way) => TRIALS.map((at) => topicsOf(way, at)));
		const named = names.flat(2).filter((name) => !name.includes('/'));
		const patterns = names.map((_, way) => `w${way}/[room]/news`);
		const registry = createRegistry([
			Object.fromEntries(named.map((name) => [name, { schema: anything }])),
			Object.fromEntries(patterns.map((name) => [name, { schema: anything, access: 'granted' }]))
		]);
		this.#database = await createTestDatabase();
		this.#sql = openClient(this.#database.url, { max: 4, name: 'test sql' });
		this.#user = await createUser(this.#database.url);
		const config = { retryMs: RETRY_MS.first, maxConnectionsPerUser: 4 * WAYS, maxAgeMs: 0 };
		await new Promise<void>((resolve) => this.#front.listen(0, '127.0.0.1', resolve));
		const aged = { ...config, retryMs: RETRY_MS.second, maxAgeMs: MAX_AGE_MS };
		[this.#first, this.#second] = await Promise.all([
			startAppServer(this.#database.url, config, registry),
			startAppServer(this.#database.url, aged, registry),
			this.browser.start(`http://127.0.0.1:${this.#port}`, this.#user.cookie)
		]);
	}

	async close(): Promise<void> {
		await this.browser.close();
		for (const { proxy } of this.#ways) await proxy.close();
		const closed = new Promise((resolve) => this.#front.close(resolve));
		this.#front.closeAllConnections();
		await closed;
		await this.#first.stop();
		await this.#second.stop();
		await this.#sql.end();
		await this.#database.drop();
	}

	async openWay(): Promise<Way> {
		const number = this.#opened++;
		const proxy = await startProxy(this.#port);
		const way: Way = {
			number,
			proxy,
			reading: (trial) => {
				const topics = topicsOf(number, trial);
				const asked = trial === 'brought' ? [`w${number}/*/news`] : topics;
				const query = `client=${number}-${trial}&topics=${asked.join('&topics=')}`;
				return {
					url: `http://127.0.0.1:${proxy.port}/api/events?${query}`,
					topics,
					headers: { cookie: this.#user.cookie }
				};
			}
		};
		this.#ways.push(way);
		return way;
	}

	/**
	 * Appends events for the user, with the numbers as data, to the two topics in turn.
	 *
	 * @returns their ids
	 */
	async append(way: Way, trial: Trial, ...numbers: number[]): Promise<string[]> {
		const topics = topicsOf(way.number, trial);
		const rows = numbers.map((number) => ({
			topic: topics[number % 2]!,
			user_id: this.#user.id,
			data: number
		}));
		const inserted = await this.#sql<{ id: string }[]>`
			insert into events ${this.#sql(rows)} returning id`;
		return inserted.map(({ id }) => id);
	}

	/** Grants the user one of the two topics of `brought`. */
	async grant(way: Way, room: 'a' | 'b'): Promise<void> {
		await this.#sql`
			insert into grants (scope, user_id) values (${`w${way.number}/${room}`}, ${this.#user.id})`;
	}

	/** Returns the client's requests so far, in order. */
	asked(way: Way, trial: Trial): readonly Asked[] {
		return this.#asked.get(`${way.number}-${trial}`) ?? [];
	}

	/** Responds to the client's next request with 502, like a proxy without a server. */
	refuseOnce(way: Way, trial: Trial): void {
		this.#refusing.add(`${way.number}-${trial}`);
	}

	/** Shuts the first server down. New requests go to the second. */
	async drain(): Promise<void> {
		this.#firstStops = true;
		await this.#first.stop();
	}

	get #port(): number {
		return (this.#front.address() as AddressInfo).port;
	}

	#answer(request: IncomingMessage, response: ServerResponse): void {
		const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
		if (pathname === PAGE) {
			response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
			response.end(this.browser.html);
			return;
		}
		if (pathname !== '/api/events') {
			response.writeHead(404).end();
			return;
		}
		const client = searchParams.get('client') ?? '';
		const asked: Asked = {
			at: performance.now(),
			endedAt: 0,
			cursor: request.headers['last-event-id']
				? 'header'
				: searchParams.has('lastEventId')
					? 'lastEventId'
					: null
		};
		this.#asked.set(client, [...(this.#asked.get(client) ?? []), asked]);
		response.on('close', () => (asked.endedAt = performance.now()));
		if (this.#refusing.delete(client)) {
			response.writeHead(502, { 'content-type': 'text/html', connection: 'close' });
			response.end('<html><body>502 Bad Gateway</body></html>');
			return;
		}
		const second = this.#firstStops || client.endsWith('-aged');
		const { app } = second ? this.#second : this.#first;
		void answerStream(() => app, request, response);
	}
}
