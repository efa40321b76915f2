import type { AcceptedEvent } from './accept.ts';
import type { Appended } from './types.ts';

/** One call of `append` that waits for its outcome. */
export interface Entry {
	events: AcceptedEvent[];
	/** Characters of payload. */
	length: number;
	/** When it times out, in milliseconds of `performance.now()`. */
	deadline: number;
	/**
	 * True after Postgres refused the batch that contained this entry. It is then sent alone, to find out which entry was
	 * bad.
	 */
	alone: boolean;
	resolve(appended: Appended[]): void;
	reject(error: Error): void;
}

/** Limits of one batch, or of the queue. A single entry that is larger than the limit is still taken, alone. */
export interface Bound {
	rows: number;
	/** Characters of payload. */
	length: number;
}

/** Appends that wait to be sent, in order. All have the same timeout, so the first one expires first. */
export class AppendQueue {
	readonly #entries: Entry[] = [];
	#rows = 0;
	#length = 0;

	/** Number of rows that wait. */
	get rows(): number {
		return this.#rows;
	}

	/** The next entry. */
	get first(): Entry | undefined {
		return this.#entries[0];
	}

	/** @returns true when the queue has no room for the entry. An empty queue takes any entry, however large. */
	isFull(entry: Entry, most: Bound): boolean {
		if (this.#entries.length === 0) return false;
		return (
			this.#rows + entry.events.length > most.rows || this.#length + entry.length > most.length
		);
	}

	push(entry: Entry): void {
		this.#entries.push(entry);
		this.#count(entry, 1);
	}

	/** Puts entries back at the head. Their deadlines do not change. */
	unshift(entries: readonly Entry[]): void {
		this.#entries.unshift(...entries);
		for (const entry of entries) this.#count(entry, 1);
	}

	/** Removes and returns the next batch: at least one entry, if there is one. */
	take(most: Bound): Entry[] {
		let count = 0;
		let rows = 0;
		let length = 0;
		for (const entry of this.#entries) {
			rows += entry.events.length;
			length += entry.length;
			const fits = rows <= most.rows && length <= most.length;
			if (count > 0 && (!fits || entry.alone || this.#entries[0]!.alone)) break;
			count++;
		}
		const batch = this.#entries.splice(0, count);
		for (const entry of batch) this.#count(entry, -1);
		return batch;
	}

	/** Removes and returns the entries that have expired. */
	expired(now: number): Entry[] {
		const next = this.#entries.findIndex((entry) => entry.deadline > now);
		const over = this.#entries.splice(0, next < 0 ? this.#entries.length : next);
		for (const entry of over) this.#count(entry, -1);
		return over;
	}

	#count({ events, length }: Entry, sign: 1 | -1): void {
		this.#rows += sign * events.length;
		this.#length += sign * length;
	}
}
