import postgres from 'postgres';
import type { Sql } from './client.ts';

/**
 * One connection for one purpose, which is replaced when it stops answering: a connection can die without a word, and
 * whoever waits on it would wait for ever.
 */
export class SoleConnection {
	readonly #url: string;
	readonly #name: string;
	readonly #answerMs: number;
	#sql: Sql | null = null;
	#closed = false;

	/**
	 * @param options.name shown in `pg_stat_activity.application_name`, after "logline "
	 * @param options.answerMs how long a statement may stay unanswered, in milliseconds. The server gives the statement up
	 *   a little earlier, so that nothing of it is left behind.
	 */
	constructor(url: string, options: { name: string; answerMs?: number }) {
		this.#url = url;
		this.#name = options.name;
		this.#answerMs = options.answerMs ?? 5000;
	}

	/**
	 * Runs one prepared statement.
	 *
	 * @throws the driver's errors; an error with code `ETIMEDOUT` when no answer came in time (outcome unknown)
	 */
	async query<Row extends object>(
		text: string,
		parameters: (string | number | null)[]
	): Promise<Row[]> {
		if (this.#closed) throw Object.assign(new Error('closed'), { code: 'CONNECTION_ENDED' });
		const sql = (this.#sql ??= this.#open());
		const query = sql.unsafe<Row[]>(text, parameters, { prepare: true }).execute();
		let timer: NodeJS.Timeout | undefined;
		const silence = new Promise<never>((_, reject) => {
			timer = setTimeout(() => {
				reject(Object.assign(new Error('Postgres does not answer'), { code: 'ETIMEDOUT' }));
				if (this.#sql === sql) this.#sql = null;
				// Both reject or resolve on the dead connection's account, and nobody waits for them any more.
				query.catch(() => undefined);
				sql.end({ timeout: 0 }).catch(() => undefined);
			}, this.#answerMs);
		});
		try {
			return [...(await Promise.race([query, silence]))];
		} finally {
			clearTimeout(timer);
		}
	}

	/** Closes the connection. A statement under way fails. */
	async end(): Promise<void> {
		this.#closed = true;
		await this.#sql?.end({ timeout: 1 });
		this.#sql = null;
	}

	#open(): Sql {
		return postgres(this.#url, {
			max: 1,
			connection: {
				application_name: `logline ${this.#name}`,
				statement_timeout: Math.ceil(this.#answerMs * 0.8),
				lock_timeout: Math.ceil(this.#answerMs * 0.6)
			},
			connect_timeout: Math.max(1, Math.ceil(this.#answerMs / 1000)),
			backoff: (retries) => Math.min(1, 0.05 * 2 ** Math.min(retries, 5)),
			fetch_types: false,
			onnotice: () => {}
		});
	}
}
