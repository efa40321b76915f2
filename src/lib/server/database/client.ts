import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import * as schema from '$schema';
import { ipv6Hosts } from './address.ts';
import { wantedUntil } from './wanted.ts';

/** A postgres.js client. */
export type Sql = postgres.Sql;

/** A drizzle database or an open drizzle transaction with our schema. */
export type Drizzle = PostgresJsDatabase<typeof schema>;
export type Transaction = Parameters<Parameters<Drizzle['transaction']>[0]>[0];

/** Runs one prepared statement: a pool, {@link Lanes} or a SoleConnection. int8 values are returned as text. */
export interface Queryable {
	/**
	 * @param signal when it aborts, a statement that still waits for a connection is rejected (`CONNECTION_UNWANTED`)
	 * @throws errors of the driver; `isTransient` says which of them may pass
	 */
	query<Row extends object>(
		text: string,
		parameters: (string | number | null)[],
		signal?: AbortSignal
	): Promise<Row[]>;
}

/** Connections to one database. `end` closes all of them. */
export interface Database {
	url: string;
	/**
	 * For raw SQL. int8 values are returned as text. drizzle has another client, because it replaces the parsers of its
	 * client.
	 */
	sql: Sql;
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
	/**
	 * How long Postgres may stay silent while a query runs. Then the connection is closed and its queries are rejected with
	 * `ETIMEDOUT` (outcome unknown). The server cancels a statement a little earlier, and a wait for a lock earlier still.
	 * Default 60,000; 0: no limit.
	 */
	answerMs?: number;
	/** Queries that may wait for a free connection. One more is rejected with `CONNECTION_BUSY`. Default 10,000. */
	maxWaiting?: number;
	/** How long a query may wait for a free connection before `CONNECTION_BUSY`. Default: the value of `answerMs`. */
	waitMs?: number;
	/**
	 * True: a waiting query leaves the queue when the client of its request disconnects ({@link whileWanted}). Default
	 * false.
	 */
	forRequests?: boolean;
	/**
	 * How long a connection is used before another one replaces it. A session keeps the settings that it began with (for
	 * example read-only), so old sessions must end. Default: the driver's own 30 to 60 minutes.
	 */
	lifeMs?: number;
	/** Session parameters, such as `plan_cache_mode`. */
	settings?: Record<string, string | number>;
	/** True: parse arrays, which costs one query per connection. Default true. */
	arrays?: boolean;
	/** Called with each notice of the server. Default: notices are ignored. */
	onNotice?: (notice: postgres.Notice) => void;
}

/** A query of the driver that waits for a connection. */
type Waiting = Promise<unknown>;

/** Per query: aborts when the result is no longer needed. */
const signals = new WeakMap<Waiting, AbortSignal>();

/**
 * Opens one postgres.js client. It connects at the first query and reconnects by itself. Every query, also inside a
 * transaction, succeeds or fails within the time limits.
 */
export function openClient(url: string, options: ClientOptions): Sql {
	const { answerMs = 60_000, maxWaiting = 10_000, waitMs = answerMs } = options;
	const driverOptions = {
		...ipv6Hosts(url),
		max: options.max,
		connection: {
			application_name: `logline ${options.name}`,
			// Shorter than `answerMs`, so that no statement keeps running on the server after the client gave up.
			statement_timeout: Math.ceil(answerMs * 0.8),
			lock_timeout: Math.ceil(answerMs * 0.6),
			...options.settings
		},
		connect_timeout: Math.max(1, Math.ceil(Math.min(answerMs || 5000, 5000) / 1000)),
		// Options of our patch: decisions/004 and 017.
		answer_timeout: answerMs / 1000,
		onwait: (query: Waiting, waiting: number, refuse: (error: Error) => void) => {
			if (waiting > maxWaiting) {
				refuse(refusal('CONNECTION_BUSY', `${maxWaiting} queries wait for Postgres already`));
				return;
			}
			const signal = signals.get(query) ?? (options.forRequests ? wantedUntil() : undefined);
			boundWait(query, refuse, { waitMs, signal });
		},
		// One statement at a time per connection: a slow one must not block others while another connection is free.
		max_pipeline: 0,
		// A longer back-off would delay the reconnect after the database is back.
		backoff: (retries: number) => Math.min(1, 0.05 * 2 ** Math.min(retries, 5)),
		...(options.lifeMs === undefined ? {} : { max_lifetime: options.lifeMs / 1000 }),
		fetch_types: options.arrays ?? true,
		onnotice: options.onNotice ?? (() => {})
	};
	const sql = postgres(url, driverOptions);
	if (!('answer_timeout' in sql.options)) {
		throw new Error('The installed postgres.js lacks what patches/ adds to it. Run "npm ci".');
	}
	return sql;
}

/** Rejects a query that waits too long, or whose result is no longer needed. */
function boundWait(
	query: Waiting,
	refuse: (error: Error) => void,
	{ waitMs, signal }: { waitMs: number; signal: AbortSignal | undefined }
): void {
	const gone = () => refuse(refusal('CONNECTION_UNWANTED', 'nobody waits for the answer any more'));
	if (signal?.aborted) {
		gone();
		return;
	}
	const timer =
		waitMs > 0
			? setTimeout(
					() => refuse(refusal('CONNECTION_BUSY', `no connection was free for ${waitMs} ms`)),
					waitMs
				)
			: undefined;
	signal?.addEventListener('abort', gone, { once: true });
	const over = () => {
		clearTimeout(timer);
		signal?.removeEventListener('abort', gone);
	};
	query.then(over, over);
}

const refusal = (code: string, message: string) => Object.assign(new Error(message), { code });

/** Wraps a pool as a {@link Queryable}. */
export function queryable(sql: Sql): Queryable {
	return {
		query: async <Row extends object>(
			text: string,
			parameters: (string | number | null)[],
			signal?: AbortSignal
		) => {
			const query = sql.unsafe<Row[]>(text, parameters, { prepare: true });
			if (signal) signals.set(query, signal);
			try {
				return [...(await query)];
			} catch (error) {
				if ((error as { code?: unknown }).code === READ_ONLY) await endSession(sql);
				throw error;
			}
		}
	};
}

const READ_ONLY = '25006';

/**
 * Ends a session that began while its database was read-only. The session would stay read-only afterwards.
 *
 * @see https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-DEFAULT-TRANSACTION-READ-ONLY
 */
async function endSession(sql: Sql): Promise<void> {
	// This query always fails, because its connection ends.
	await sql.unsafe('SELECT pg_terminate_backend(pg_backend_pid())').catch(() => undefined);
}

/** Limits of the pools for requests and features. */
export interface DatabaseOptions {
	/** Maximum connections for raw SQL. Default 4. */
	max?: number;
	/** Maximum concurrent drizzle transactions, each on its own connection. Default 2. */
	transactions?: number;
	name?: string;
	/** See {@link ClientOptions.answerMs}. Default 5,000. */
	answerMs?: number;
	/** See {@link ClientOptions.waitMs}. Default 10,000. */
	waitMs?: number;
	/** See {@link ClientOptions.maxWaiting}, for raw SQL. */
	maxWaiting?: number;
}

/** Opens the pools of an application process. */
export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
	const { max = 4, transactions = 2, name = 'app', answerMs = 5000, waitMs = 10_000 } = options;
	const bounds = { answerMs, waitMs, forRequests: true, lifeMs: 300_000 };
	const sql = openClient(url, { ...bounds, max, name, maxWaiting: options.maxWaiting });
	const drizzleClient = openClient(url, {
		...bounds,
		max: transactions,
		name: `${name} drizzle`,
		maxWaiting: 1000,
		// A transaction that waits for something other than Postgres keeps its locks, so this wait is limited.
		settings: { idle_in_transaction_session_timeout: 2 * answerMs }
	});
	const background = openClient(url, {
		answerMs,
		waitMs,
		max: 1,
		name: `${name} background`,
		arrays: false
	});
	return {
		url,
		sql,
		db: drizzle(drizzleClient, { schema }),
		background: queryable(background),
		end: async () => {
			await Promise.all(
				[sql, drizzleClient, background].map((client) => client.end({ timeout: 5 }))
			);
		}
	};
}
