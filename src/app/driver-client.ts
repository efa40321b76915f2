import postgres from 'postgres';
import { ipv6Hosts } from 'logline/postgres';

/** A postgres.js client. */
export type Sql = postgres.Sql;

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
