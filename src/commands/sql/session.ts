import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { openClient, type Sql } from '$src/app/driver-client.ts';
import type { Format } from './arguments.ts';
import type { Column, Row } from './cells.ts';
import { explain, explainNotice } from './explain.ts';
import { createWriter } from './formats.ts';
import { copies, isEmpty } from './statement.ts';

/** Rows in memory at once. */
const PAGE_ROWS = 200;

/** A part of the driver's query that its types do not have. */
interface Described {
	statement: { columns?: Column[] } | null;
}

/** Lines of data for `copy … from stdin`. */
export type CopyInput = () => AsyncIterable<string | Buffer>;

/** One session with the database. Messages go to standard error, results to standard output. */
export class Session {
	/** How results are shown from now on. */
	format: Format;
	readonly #url: string;
	/** Identifies this session in `pg_stat_activity`. */
	readonly #name = `sql ${randomBytes(4).toString('hex')}`;
	readonly #sql: Sql;
	readonly #input: CopyInput;
	/** The running statement; `cancelled` is true when the user has cancelled it. */
	#running: { cancelled: boolean } | null = null;

	constructor(url: string, options: { format: Format; input: CopyInput }) {
		this.#url = url;
		this.format = options.format;
		this.#input = options.input;
		this.#sql = openClient(url, {
			max: 1,
			name: this.#name,
			// No time limit: a person waits for the result and can cancel it.
			answerMs: 0,
			onNotice: (notice) => console.error(explainNotice(notice))
		});
	}

	get isRunning(): boolean {
		return this.#running !== null;
	}

	/**
	 * Runs one statement and shows its result page by page.
	 *
	 * @param format default: the session's format
	 * @returns whether it succeeded; errors have been printed already
	 */
	async run(statement: string, format: Format = this.format): Promise<boolean> {
		if (isEmpty(statement)) return true;
		this.#running = { cancelled: false };
		try {
			const way = copies(statement);
			if (way === 'out') await this.#copyOut(statement);
			else if (way === 'in') await this.#copyIn(statement);
			else await this.#show(statement, format, this.#running);
			return true;
		} catch (error) {
			if (!isBrokenPipe(error)) console.error(explain(error, statement));
			return false;
		} finally {
			this.#running = null;
		}
	}

	/** Cancels the running statement, if any. */
	async cancel(): Promise<void> {
		if (!this.#running || this.#running.cancelled) return;
		this.#running.cancelled = true;
		const sql = openClient(this.#url, { max: 1, name: 'sql cancel', answerMs: 5000 });
		try {
			await sql`
				select pg_cancel_backend(pid) from pg_stat_activity
				where application_name = ${`logline ${this.#name}`} and state = 'active'`;
		} catch (error) {
			console.error(`It could not be cancelled. ${explain(error)}`);
		} finally {
			await sql.end({ timeout: 1 });
		}
	}

	async end(): Promise<void> {
		await this.#sql.end({ timeout: 5 });
	}

	async #show(statement: string, format: Format, running: { cancelled: boolean }): Promise<void> {
		const writer = createWriter(format);
		const query = this.#sql.unsafe(statement).raw();
		const columns = () => (query as unknown as Described).statement?.columns ?? [];
		// The driver waits for every page except the last.
		let last: Promise<void> = Promise.resolve();
		const result = await query.cursor(PAGE_ROWS, (rows: unknown[]) => {
			// Between two pages, Postgres runs nothing that it could cancel.
			if (running.cancelled) throw new Error('canceling statement due to user request');
			if (columns().length > 0) {
				last = write(writer.page(columns(), (rows as (Buffer | null)[][]).map(toText)));
			}
			return last as unknown as void;
		});
		await last;
		if (columns().length > 0) {
			await write(writer.end(columns()));
		} else if (result.command) {
			const told = [result.command, result.count].filter((part) => part !== null).join(' ');
			// When the output is data for a program, this line goes to standard error for the user.
			if (format === 'csv' || format === 'json') console.error(told);
			else await write(`${told}\n`);
		}
	}

	async #copyOut(statement: string): Promise<void> {
		const data = await this.#sql.unsafe(statement).readable();
		for await (const chunk of data) await write(chunk as Buffer);
	}

	async #copyIn(statement: string): Promise<void> {
		const query = this.#sql.unsafe(statement);
		const data = await query.writable();
		// The driver has already resolved the query with the stream. It would not report an error that Postgres sends at the
		// end of the data.
		const heard = query as unknown as { reject(error: Error): void };
		heard.reject = (error) => data.destroy(error);
		await pipeline(this.#input(), data);
	}
}

const toText = (row: (Buffer | null)[]): Row => row.map((value) => value?.toString() ?? null);

/** Writes at the speed of the reader. */
async function write(chunk: string | Buffer): Promise<void> {
	if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
}

const isBrokenPipe = (error: unknown) => (error as NodeJS.ErrnoException | null)?.code === 'EPIPE';
