import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import * as schema from '$schema';
import { ipv6Hosts } from './address.ts';
import { drizzleClient } from './drizzle-client.ts';
import { Lanes } from './lanes.ts';
import type { TypeMaps } from './pg-session.ts';
import type { Queryable } from './queryable.ts';
import { SoleConnection } from './sole-connection.ts';

/** A postgres.js client. */
export type Sql = postgres.Sql;

/** A drizzle database or an open drizzle transaction with our schema. */
export type Drizzle = PostgresJsDatabase<typeof schema>;
export type Transaction = Parameters<Parameters<Drizzle['transaction']>[0]>[0];

export type { Queryable } from './queryable.ts';

/** Connections to one database. `end` closes all of them. */
export interface Database {
	url: string;
	/** For the statements of requests. */
	pool: Queryable;
	/** For features that need transactions. Each transaction ends with its connection. */
	db: Drizzle;
	/**
	 * One connection for statements that no request waits for, for example those of loops. They take no connection from
	 * requests and do not wait behind them.
	 */
	background: Queryable;
	end(): Promise<void>;
}

/** Times in milliseconds. */
export interface ClientOptions {
	/** Maximum number of connections. */
	max: number;
	/** Shown in `pg_stat_activity.application_name`, after "logline ". */
	name: string;
	/** The server cancels a statement a little earlier, and a wait for a lock earlier still. Default 60,000; 0: no limit. */
	answerMs?: number;
	/** Session parameters, such as `plan_cache_mode`. */
	settings?: Record<string, string | number>;
	/** True: parse arrays, which costs one query per connection. Default true. */
	arrays?: boolean;
	/** Called with each notice of the server. Default: notices are ignored. */
	onNotice?: (notice: postgres.Notice) => void;
}

/**
 * Opens a plain client of postgres.js, for tools that need all of the driver: cursors, COPY, tagged queries. It has the
 * defects of the driver (decisions/004), and no limit of its own for a silent server. A server process uses {@link Lanes}.
 */
export function openClient(url: string, options: ClientOptions): Sql {
	const { answerMs = 60_000 } = options;
	return postgres(url, {
		...ipv6Hosts(url),
		max: options.max,
		connection: {
			application_name: `logline ${options.name}`,
			statement_timeout: Math.ceil(answerMs * 0.8),
			lock_timeout: Math.ceil(answerMs * 0.6),
			...options.settings
		},
		connect_timeout: Math.max(1, Math.ceil(Math.min(answerMs || 5000, 5000) / 1000)),
		// A longer back-off would delay the reconnect after the database is back.
		backoff: ((retries: number) => Math.min(1, 0.05 * 2 ** Math.min(retries, 5))) as never,
		fetch_types: options.arrays ?? true,
		onnotice: options.onNotice ?? (() => {})
	});
}

/** Limits of the pools for requests and features. */
export interface DatabaseOptions {
	/** Maximum connections for the statements of requests. Default 4. */
	max?: number;
	/** Maximum concurrent drizzle transactions, each on its own connection. Default 2. */
	transactions?: number;
	name?: string;
	/** See {@link LanesOptions.answerMs}. Default 5,000. */
	answerMs?: number;
	/** See {@link LanesOptions.waitMs}. Default 10,000. */
	waitMs?: number;
	/** See {@link LanesOptions.maxWaiting}, for the statements of requests. */
	maxWaiting?: number;
}

/** How long running statements may take when the pools are closed, in milliseconds. */
const END_MS = 5000;

/** Opens the pools of an application process. */
export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
	const { max = 4, transactions = 2, name = 'app', answerMs = 5000, waitMs = 10_000 } = options;
	const bounds = { answerMs, waitMs, forRequests: true, lifeMs: 300_000 };
	const pool = new Lanes(url, { ...bounds, size: max, name, maxWaiting: options.maxWaiting });
	const types: TypeMaps = { parsers: {}, serializers: {} };
	const forDrizzle = new Lanes(url, {
		...bounds,
		size: transactions,
		name: `${name} drizzle`,
		maxWaiting: 1000,
		// A transaction that waits for something other than Postgres keeps its locks, so this wait is limited.
		settings: { idle_in_transaction_session_timeout: 2 * answerMs },
		types
	});
	const background = new SoleConnection(url, { answerMs, waitMs, name: `${name} background` });
	return {
		url,
		pool,
		db: drizzle(drizzleClient(forDrizzle, types), { schema }),
		background,
		end: async () => {
			await Promise.all([pool, forDrizzle, background].map((lanes) => lanes.end(END_MS)));
		}
	};
}
