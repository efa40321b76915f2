import { compareIds } from 'logline';

/** What it needs of the browser. */
export interface SeenParts {
	/** Name under which it is remembered. */
	key: string;
	/** It may throw: some browsers keep nothing for some sites. */
	storage: () => Pick<Storage, 'getItem' | 'setItem'>;
}

/** How far the reader had seen the page when they last left it, in this browser. */
export class LastSeen {
	readonly #parts: SeenParts;
	#since = $state<string | null>(null);
	/** Where they left it; null: they are here, and what has come meanwhile is told. */
	#left: string | null = null;

	constructor(parts: SeenParts) {
		this.#parts = parts;
		const stored = this.#stored();
		this.#left = stored !== null && /^\d{1,19}$/.test(stored) ? stored : null;
	}

	/** What is after this event has come while the reader was away. null: nothing has. */
	get since(): string | null {
		return this.#since;
	}

	/** The page is not seen any more. */
	leave(cursor: string): void {
		this.#left ??= cursor;
		this.#store(this.#left);
	}

	/** The page is seen, and has all that came meanwhile. */
	back(cursor: string): void {
		if (this.#left === null) return;
		this.#since = compareIds(cursor, this.#left) > 0 ? this.#left : null;
		this.#left = null;
	}

	#stored(): string | null {
		try {
			return this.#parts.storage().getItem(this.#parts.key);
		} catch (error) {
			console.debug('Not remembered', error);
			return null;
		}
	}

	#store(cursor: string): void {
		try {
			this.#parts.storage().setItem(this.#parts.key, cursor);
		} catch (error) {
			console.debug('Not remembered', error);
		}
	}
}
