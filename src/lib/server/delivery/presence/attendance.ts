import type { PresenceRow } from '../../log/presence.ts';

/** How long a user stays present after the last stream has ended, so that nobody sees a reload. Milliseconds. */
export const LINGER_MS = 3000;

/** A user in a scope, through streams of this process. */
interface Attending extends PresenceRow {
	/** Number of streams: two tabs are one presence. */
	streams: number;
	/** True when the table has the row, as far as known. */
	written: boolean;
}

/** Who is present through the streams of this process, and which rows are to be written. */
export class Attendance {
	readonly #attending = new Map<string, Attending>();
	/** Keys whose rows are to be written or deleted. */
	readonly #dirty = new Set<string>();
	/** Key → when the user has gone, by `performance.now()`. All linger equally long, so the first is the first to go. */
	readonly #leaving = new Map<string, number>();
	#written = 0;

	/** Number of users, counted once for each scope. */
	get size(): number {
		return this.#attending.size;
	}

	/** Number of rows that the table has, as far as known. */
	get written(): number {
		return this.#written;
	}

	/** When something is to be done next, in milliseconds of `performance.now()`. */
	get dueAt(): number {
		if (this.#dirty.size > 0) return 0;
		const [first] = this.#leaving.values();
		return first ?? Infinity;
	}

	join(row: PresenceRow): void {
		const key = keyOf(row);
		const there = this.#attending.get(key);
		this.#leaving.delete(key);
		if (there && there.name === row.name && there.state === row.state) {
			there.streams++;
			return;
		}
		const { streams = 0, written = false } = there ?? {};
		this.#attending.set(key, { ...row, streams: streams + 1, written });
		this.#dirty.add(key);
	}

	/** @param atOnce true: without lingering */
	leave(row: Pick<PresenceRow, 'scope' | 'userId'>, now: number, atOnce = false): void {
		const key = keyOf(row);
		const there = this.#attending.get(key);
		if (!there || --there.streams > 0) return;
		if (atOnce) this.#dirty.add(key);
		else this.#leaving.set(key, now + LINGER_MS);
	}

	/** Returns what is to be written, up to a number of rows. What comes later is in the next changes. */
	take(most: number, now: number): Changes {
		for (const [key, at] of this.#leaving) {
			if (at > now) break;
			this.#leaving.delete(key);
			this.#dirty.add(key);
		}
		const changes: Changes = { put: [], gone: [] };
		for (const key of this.#dirty) {
			if (changes.put.length + changes.gone.length === most) break;
			this.#dirty.delete(key);
			const there = this.#attending.get(key)!;
			if (there.streams > 0 || this.#leaving.has(key)) {
				changes.put.push({ ...there });
				this.#note(there, true);
			} else {
				changes.gone.push(there);
				this.#note(there, false);
				this.#attending.delete(key);
			}
		}
		return changes;
	}

	/** The changes could not be written: they are taken again. */
	putBack({ put, gone }: Changes): void {
		this.drop({ put });
		for (const row of put) this.#dirty.add(keyOf(row));
		for (const row of gone) {
			const key = keyOf(row);
			if (!this.#attending.has(key)) {
				this.#attending.set(key, { ...row, streams: 0, written: false });
			}
			this.#dirty.add(key);
		}
	}

	/** The database refuses the changes, so they are not taken again. What it had of them before, it has still. */
	drop({ put }: Pick<Changes, 'put'>): void {
		for (const row of put) this.#note(this.#attending.get(keyOf(row))!, row.written);
	}

	/** The table has none of the rows: all are written again. */
	rewrite(): void {
		for (const [key, there] of this.#attending) {
			this.#note(there, false);
			this.#dirty.add(key);
		}
	}

	#note(there: Attending, written: boolean): void {
		this.#written += Number(written) - Number(there.written);
		there.written = written;
	}
}

/** Rows to write and to delete. */
export interface Changes {
	/** As they were before. */
	put: Attending[];
	gone: PresenceRow[];
}

/** A scope has no space. */
const keyOf = ({ scope, userId }: Pick<PresenceRow, 'scope' | 'userId'>) => `${scope} ${userId}`;
