/** An event with its frame, which is encoded once for all clients. */
export interface Framed {
	id: bigint;
	topic: string;
	userId: string | null;
	frame: Uint8Array;
}

/**
 * The newest events in memory. A client that is not far behind catches up from here, without SQL. Bounded by count and
 * bytes.
 */
export class Window {
	#entries: Framed[] = [];
	/**
	 * Entries before this index have left the window. They are cut off in bulk, because shifting an array costs its length.
	 */
	#first = 0;
	#bytes = 0;
	#floor: bigint;

	constructor(
		floor: bigint,
		private readonly limits: { events: number; bytes: number }
	) {
		this.#floor = floor;
	}

	/** Every event after this id, up to the tail, is in the window. */
	get floor(): bigint {
		return this.#floor;
	}

	get size(): number {
		return this.#entries.length - this.#first;
	}

	get bytes(): number {
		return this.#bytes;
	}

	/** Adds events that follow directly after the present ones. */
	push(events: readonly Framed[]): void {
		for (const event of events) {
			this.#entries.push(event);
			this.#bytes += event.frame.byteLength;
		}
		while (this.size > this.limits.events || (this.#bytes > this.limits.bytes && this.size > 0)) {
			const oldest = this.#entries[this.#first++]!;
			this.#bytes -= oldest.frame.byteLength;
			this.#floor = oldest.id;
		}
		if (this.#first > 1024 && this.#first > this.#entries.length / 2) {
			this.#entries = this.#entries.slice(this.#first);
			this.#first = 0;
		}
	}

	/**
	 * Returns events with `after < id ≤ to` that `wanted` accepts, in id order. It stops once their frames reach `maxBytes`.
	 *
	 * @returns null when the window does not reach back to `after`
	 */
	read(
		after: bigint,
		to: bigint,
		wanted: (event: Framed) => boolean,
		maxBytes: number
	): { events: Framed[]; upTo: bigint } | null {
		if (after < this.#floor) return null;
		const events: Framed[] = [];
		let bytes = 0;
		for (let i = this.#search(after); i < this.#entries.length; i++) {
			const event = this.#entries[i]!;
			if (event.id > to) break;
			if (!wanted(event)) continue;
			events.push(event);
			bytes += event.frame.byteLength;
			if (bytes >= maxBytes) return { events, upTo: event.id };
		}
		return { events, upTo: to };
	}

	/** Index of the first entry after `id`. */
	#search(id: bigint): number {
		let low = this.#first;
		let high = this.#entries.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (this.#entries[middle]!.id <= id) low = middle + 1;
			else high = middle;
		}
		return low;
	}
}
