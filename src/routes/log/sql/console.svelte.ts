import { Database, Gone, Refusal } from './database/database.ts';
import { isFull, NOTHING, readOlder, type Read } from './visible-events.ts';
import type { Problem, Result } from './result.ts';

/** A database with the viewer's events, and the question that was asked last. */
export class SqlConsole {
	/** starting: the database, or its table, is not ready · failed: `trouble` says why. */
	state = $state<'starting' | 'ready' | 'running' | 'failed'>('starting');
	read = $state.raw<Read>(NOTHING);
	/** Events that were read so far, while they are read; else null. */
	progress = $state<number | null>(null);
	result = $state.raw<Result | null>(null);
	/** The question of `result` or `problem`. */
	asked = $state('');
	problem = $state.raw<Problem | null>(null);
	/** Why the table is not what it should be. */
	trouble = $state<string | null>(null);
	/** What was done, for a moment. */
	note = $state('');

	readonly #me: string;
	#database: Database | null = null;
	#ended = new AbortController();
	/** Asked before the table was there. */
	#next: string | null = null;

	constructor(me: string) {
		this.#me = me;
	}

	/** Reads the events and starts the database, at the same time. */
	async open(): Promise<void> {
		this.state = 'starting';
		this.trouble = null;
		const { signal } = this.#ended;
		try {
			const [database] = await Promise.all([this.#start(), this.#older(NOTHING)]);
			await this.#fill(database);
		} catch (error) {
			if (!signal.aborted) this.#fail(error);
		}
	}

	/** Ends everything. */
	close(): void {
		this.#ended.abort();
		this.#database?.end();
	}

	/** Asks a question; when the table is not ready, as soon as it is. */
	async run(sql: string): Promise<void> {
		if (this.state !== 'ready') {
			if (this.state === 'starting') this.#next = sql;
			return;
		}
		this.state = 'running';
		this.note = '';
		const database = this.#database!;
		try {
			const result = await database.ask({ do: 'run', sql });
			this.#show(sql, result, null);
		} catch (error) {
			if (this.#database !== database || this.#ended.signal.aborted) return;
			if (!(error instanceof Refusal)) {
				await this.#again(
					`The question has ended the database: ${String(error)}. It was filled again.`
				);
				return;
			}
			this.#show(sql, null, error.problem);
		}
		this.state = 'ready';
	}

	/** Stops a question that takes too long: its database ends, and another one gets the same events. */
	async stop(): Promise<void> {
		if (this.state === 'running') await this.#again('Stopped. The table was filled again.');
	}

	/** Reads older events as well. */
	async more(): Promise<void> {
		if (this.state !== 'ready' || !this.read.more || isFull(this.read)) return;
		this.state = 'starting';
		try {
			await this.#older(this.read);
			await this.#fill(this.#database!);
		} catch (error) {
			if (!this.#ended.signal.aborted) this.#fail(error);
		}
	}

	/** Reads the newest events again, and makes the table anew. */
	async renew(): Promise<void> {
		if (this.state === 'failed') {
			await this.open();
			return;
		}
		if (this.state !== 'ready') return;
		this.state = 'starting';
		try {
			await this.#older(NOTHING);
			await this.#fill(this.#database!);
		} catch (error) {
			if (!this.#ended.signal.aborted) this.#fail(error);
		}
	}

	#show(sql: string, result: Result | null, problem: Problem | null): void {
		this.asked = sql;
		this.result = result;
		this.problem = problem;
	}

	async #start(): Promise<Database> {
		this.#database?.end();
		const database = new Database();
		this.#database = database;
		await database.ask({ do: 'start', zone: Intl.DateTimeFormat().resolvedOptions().timeZone });
		return database;
	}

	async #older(so: Read): Promise<void> {
		this.progress = so.rows.length;
		try {
			this.read = await readOlder(so, this.#me, this.#ended.signal, (events) => {
				this.progress = events;
			});
		} finally {
			this.progress = null;
		}
	}

	async #fill(database: Database): Promise<void> {
		await database.ask({ do: 'fill', rows: this.read.rows, anew: true });
		this.trouble = null;
		this.state = 'ready';
		const next = this.#next;
		this.#next = null;
		if (next !== null) await this.run(next);
	}

	async #again(note: string): Promise<void> {
		this.state = 'starting';
		this.result = null;
		this.problem = null;
		try {
			await this.#fill(await this.#start());
			this.note = note;
		} catch (error) {
			if (!this.#ended.signal.aborted) this.#fail(error);
		}
	}

	#fail(error: unknown): void {
		this.state = 'failed';
		this.trouble =
			error instanceof Gone
				? `The database did not start: ${error.message}.`
				: (error as Error).message;
	}
}
