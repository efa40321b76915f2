import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import * as schema from '$schema';

/** A postgres.js client as we use it. */
export type Sql = postgres.Sql;

/** A drizzle database or an open drizzle transaction of ours. */
export type Drizzle = PostgresJsDatabase<typeof schema>;
export type Transaction = Parameters<Parameters<Drizzle['transaction']>[0]>[0];

/** Whatever runs one prepared statement: a pool or a SoleConnection. int8 arrives as text. */
export interface Queryable {
	query<Row extends object>(text: string, parameters: (string | number | null)[]): Promise<Row[]>;
}

/** Connections to one database. `end` closes them all. */
export interface Database {
	url: string;
	/** For raw SQL; int8 arrives as text. Not the client drizzle uses: drizzle replaces its client's parsers. */
	sql: Sql;
	db: Drizzle;
	end(): Promise<void>;
}

/**
 * Opens one postgres.js client. It connects at the first query and reconnects by itself.
 *
 * @param options.max connections at most
 * @param options.name shown in `pg_stat_activity.application_name`, after "logline "
 */
export function openClient(url: string, options: { max: number; name: string }): Sql {
	return postgres(url, {
		max: options.max,
		connection: { application_name: `logline ${options.name}` },
		connect_timeout: 5,
		// A growing back-off would leave us blind long after the database is back.
		backoff: (retries) => Math.min(1, 0.05 * 2 ** Math.min(retries, 5)),
		onnotice: () => {}
	});
}

/** A pool as a {@link Queryable}. */
export function queryable(sql: Sql): Queryable {
	return {
		query: async <Row extends object>(text: string, parameters: (string | number | null)[]) => [
			...(await sql.unsafe<Row[]>(text, parameters, { prepare: true }))
		]
	};
}

/** Opens the pools of an application process. */
export function openDatabase(url: string, options: { max?: number; name?: string } = {}): Database {
	const max = options.max ?? 10;
	const name = options.name ?? 'app';
	const sql = openClient(url, { max, name });
	const drizzleClient = openClient(url, {
		max: Math.max(2, Math.ceil(max / 2)),
		name: `${name} drizzle`
	});
	return {
		url,
		sql,
		db: drizzle(drizzleClient, { schema }),
		end: async () => {
			await Promise.all([sql.end({ timeout: 5 }), drizzleClient.end({ timeout: 5 })]);
		}
	};
}
