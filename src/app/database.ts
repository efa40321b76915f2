import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { Lanes, SoleConnection, type Queryable, type TypeMaps } from 'logline/postgres';
import * as schema from '$schema';
import { drizzleClient } from './drizzle-client.ts';

/** A drizzle database with our schema. */
export type Drizzle = PostgresJsDatabase<typeof schema>;

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

/**
 * The tables of the application and of the log are in `public`, also when the role's first schema is another one: its own name,
 * or what ALTER ROLE … SET search_path says. `pg_temp` comes last: no temporary table takes the place of one of them.
 */
const APP_SCHEMA = { search_path: 'public, pg_temp' };

/** How long running statements may take when the pools are closed, in milliseconds. */
const END_MS = 5000;

/** Opens the pools of an application process. */
export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
	const { max = 4, transactions = 2, name = 'app', answerMs = 5000, waitMs = 10_000 } = options;
	const bounds = { answerMs, waitMs, forRequests: true, lifeMs: 300_000, settings: APP_SCHEMA };
	const pool = new Lanes(url, { ...bounds, size: max, name, maxWaiting: options.maxWaiting });
	const types: TypeMaps = { parsers: {}, serializers: {} };
	const forDrizzle = new Lanes(url, {
		...bounds,
		size: transactions,
		name: `${name} drizzle`,
		maxWaiting: 1000,
		// A transaction that waits for something other than Postgres keeps its locks, so this wait is limited.
		settings: { ...APP_SCHEMA, idle_in_transaction_session_timeout: 2 * answerMs },
		types
	});
	const background = new SoleConnection(url, {
		answerMs,
		waitMs,
		name: `${name} background`,
		settings: APP_SCHEMA
	});
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
