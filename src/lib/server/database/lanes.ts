import { openClient, queryable, type ClientOptions, type Queryable, type Sql } from './client.ts';

/** See {@link ClientOptions}. Default of `answerMs`: 5,000. */
export interface LanesOptions extends Pick<
	ClientOptions,
	'name' | 'answerMs' | 'maxWaiting' | 'waitMs' | 'forRequests' | 'settings'
> {
	/** Maximum number of connections. Each is opened when it is first needed. */
	size: number;
}

/**
 * A few connections for one purpose. Statements run in the order of their arrival, one at a time per connection. When many
 * clients reconnect, they queue here, in memory, not in Postgres. A long replay holds no connection between its pages. A
 * connection that stops responding is replaced.
 */
export class Lanes implements Queryable {
	readonly #sql: Sql;
	readonly #on: Queryable;

	constructor(url: string, { size, answerMs = 5000, ...options }: LanesOptions) {
		this.#sql = openClient(url, { ...options, answerMs, max: size, arrays: false });
		this.#on = queryable(this.#sql);
	}

	/**
	 * Runs one prepared statement.
	 *
	 * @throws errors of the driver; `ETIMEDOUT` when no result came in time (outcome unknown); `CONNECTION_BUSY` and
	 *   `CONNECTION_UNWANTED` when it was not sent
	 */
	query<Row extends object>(
		text: string,
		parameters: (string | number | null)[],
		signal?: AbortSignal
	): Promise<Row[]> {
		return this.#on.query<Row>(text, parameters, signal);
	}

	/** Closes the connections. Waiting statements fail at once, running ones after a second. */
	end(): Promise<void> {
		return this.#sql.end({ timeout: 1 });
	}
}
