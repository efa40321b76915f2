import { setTimeout as pause } from 'node:timers/promises';
import type { Sql } from '../../../src/app/driver-client.ts';

/** Between two looks at the log, in milliseconds. */
const EVERY_MS = 4;

/**
 * Where the log was when something happened. A look that ended before gives a lower bound, a look that began after gives an
 * upper bound. Both are safe: a verdict that needs a bound is never too strict.
 */
export class Heads {
	readonly #highs: number[] = [];
	#begun = 0;
	#low = 0;
	#stopped = false;
	#running: Promise<void> = Promise.resolve();
	#asked = 0;

	constructor(private readonly sql: Sql) {}

	/** The newest event that is known to be committed. It is committed for everything that begins from now on. */
	get low(): number {
		return this.#low;
	}

	/** The look that begins next. `high` of it is not below what was committed before this call. */
	ticket(): number {
		this.#asked = this.#begun;
		return this.#begun;
	}

	/** No event beyond this id was committed when the ticket was taken. */
	high(ticket: number): number {
		return this.#highs[ticket] ?? Infinity;
	}

	start(): void {
		this.#running = this.#run();
		// Awaited in `stop`. An error must not end the process before.
		this.#running.catch(() => {});
	}

	/** Resolves when each ticket has its look. */
	async stop(): Promise<void> {
		this.#stopped = true;
		await this.#running;
		await this.#look();
	}

	async #run(): Promise<void> {
		while (!this.#stopped) {
			// A look that nobody has asked for still raises the lower bound.
			await this.#look();
			await pause(this.#asked >= this.#begun ? 0 : EVERY_MS);
		}
	}

	async #look(): Promise<void> {
		const n = this.#begun++;
		// The sequence also counts ids that are drawn and not committed yet. Deleted events do not lower it.
		const [row] = await this.sql<{ low: number; high: number }[]>`
			select coalesce((select max(id) from events), 0)::float8 as low, last_value::float8 as high from events_id_seq`;
		this.#highs[n] = row!.high;
		this.#low = Math.max(this.#low, row!.low);
	}
}
