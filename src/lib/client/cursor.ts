import { compareIds, type CaughtUp, type Gap } from '../protocol/index.ts';
import { isID } from './control.ts';

/** The position of a client in the log. */
export class Cursor {
	readonly #onMove: (id: string | null) => void;
	#id: string | null = null;
	#log: string | null;
	/**
	 * Set when the cursor is not valid any more. The next id then replaces the cursor, even a smaller one, but not one below
	 * this value.
	 */
	#goesBackTo: string | null = null;

	/** @param onMove called with each new id, and at once with the first */
	constructor(id: string | null, log: string | null, onMove: (id: string | null) => void) {
		this.#log = log;
		this.#onMove = onMove;
		this.#moveTo(id);
	}

	/** Every event up to this id has been handled. */
	get id(): string | null {
		return this.#id;
	}

	/** Epoch of the log that the id belongs to. null: unknown. */
	get log(): string | null {
		return this.#log;
	}

	/** A new connection begins: the server judges the cursor again. */
	reconnect(): void {
		this.#goesBackTo = null;
	}

	/** It never goes back by itself: the history of a new topic has ids below the cursor of the other topics. */
	advance(id: string): void {
		if (!isID(id)) return;
		const from = this.#goesBackTo;
		if (from === null) {
			if (this.#id === null || compareIds(id, this.#id) > 0) this.#moveTo(id);
			return;
		}
		this.#goesBackTo = null;
		// Next to the old epoch, the new cursor would also be judged as foreign.
		if (from === '0') this.#log = null;
		this.#moveTo(compareIds(id, from) > 0 ? id : from);
	}

	/**
	 * History is missing. There are three cases:
	 * - `lost` is set: the log lost events that the client has seen. The cursor goes back to `after`, and new events have
	 *   greater ids.
	 * - The oldest event is after the cursor: events were trimmed. Nothing changes.
	 * - Otherwise the cursor is not of this log.
	 *
	 * The cursor itself is kept until an event with an id arrives. Reason: the connection may break off between the gaps of
	 * two topics. The client must then send the old cursor again, so that the server reports the second gap.
	 *
	 * @returns true when other events follow, with ids that the client may have seen: the last id of the topic must be reset
	 */
	passGap({ after, oldest, lost }: Gap): boolean {
		if (lost !== undefined) {
			this.#goesBackTo = after;
			return false;
		}
		if (after === '0' || (oldest !== null && compareIds(oldest, after) > 0)) return false;
		this.#goesBackTo = '0';
		return true;
	}

	/**
	 * All history up to a position has arrived.
	 *
	 * @returns true when the log is another one, and its first id has just arrived
	 */
	caughtUp({ cursor, log }: CaughtUp): boolean {
		const isOther = this.#log !== null && this.#log !== log;
		// A client that has only wildcards, and no topic of them, may get no gap.
		if (isOther) this.#goesBackTo = '0';
		this.advance(cursor);
		this.#log = log;
		return isOther;
	}

	#moveTo(id: string | null): void {
		this.#id = id;
		this.#onMove(id);
	}
}
