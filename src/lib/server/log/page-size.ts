/** Limits of one page of the log. */
export interface PageBounds {
	/** Rows of the first page. Default: `most`. */
	first?: number;
	/** Minimum rows, however large they are. Default: 1. */
	least?: number;
	/** Maximum rows. */
	most: number;
	/** Target octets of text of a page, approximately. */
	bytes: number;
	/**
	 * Shared by several readers: only one of them at a time may ask for large data. While large data arrives, it is in
	 * memory three times.
	 */
	turn?: Turn;
}

/** Runs work one after the other. */
export class Turn {
	#last: Promise<unknown> = Promise.resolve();

	take<T>(work: () => Promise<T>): Promise<T> {
		const mine = this.#last.then(work);
		this.#last = mine.catch(() => undefined);
		return mine;
	}
}

/** How many times an event is requested alone before it is set aside. */
export const ATTEMPTS = 3;

/** Octets of the first page after a failure. */
const AGAIN = 65_536;

/**
 * Decides what a reader asks for next. The number of rows is learned from the last page, so that a page has about the target
 * size. After a failure it asks for one event at a time, then for more with each page that arrives.
 */
export class PageSize {
	readonly #bounds: Required<Omit<PageBounds, 'turn'>>;
	readonly #turn: Turn | undefined;
	#rows: number;
	#bytes: number;
	/** Ids per row in the last page of several topics. */
	#density = Infinity;
	#refused = 0;

	constructor(bounds: PageBounds) {
		this.#bounds = { first: bounds.most, least: 1, ...bounds };
		this.#turn = bounds.turn;
		this.#rows = this.#bounds.first;
		this.#bytes = bounds.bytes;
	}

	get rows(): number {
		return this.#rows;
	}

	/** 0: request one event alone. */
	get bytes(): number {
		return this.#bytes;
	}

	/**
	 * How many ids the next page of several topics probably reaches: twice as many as with the density of the last one, because
	 * a page that ends too early costs more than a few topics too many. Infinity: unknown.
	 */
	get reach(): number {
		return 2 * this.#rows * this.#density;
	}

	/** Call it when a page of several topics has reached from one id to another. */
	reached(from: bigint, to: bigint, rows: number): void {
		this.#density = Number(to - from) / Math.max(1, rows);
	}

	/** Runs a request for large data, when it is this reader's turn. */
	inTurn<T>(ask: () => Promise<T>): Promise<T> {
		return this.#turn ? this.#turn.take(ask) : ask();
	}

	/** Call it when a page has arrived. */
	came(bytes: number): void {
		this.#refused = 0;
		const { least, most, bytes: wished } = this.#bounds;
		if (this.#bytes < wished) this.#bytes = Math.min(wished, Math.max(AGAIN, 4 * this.#bytes));
		else if (bytes > wished) this.#rows = Math.max(least, this.#rows >> 1);
		else if (bytes < wished / 4) this.#rows = Math.min(most, this.#rows * 2);
	}

	/** Call it when reading failed, because of the data or of the database. */
	failed(): void {
		this.#bytes = 0;
	}

	/**
	 * Call it when Postgres refused the text of an event that was requested alone.
	 *
	 * @returns true when it has refused often enough to set the event aside; otherwise no later event could ever be read
	 */
	refused(): boolean {
		return ++this.#refused >= ATTEMPTS;
	}
}
