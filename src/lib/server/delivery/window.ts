import type { LogEvent } from '../log/types.ts';

/** An event with its frame: encoded once, however many clients get it. */
export interface Framed {
	id: bigint;
	topic: string;
	userId: string | null;
	frame: Uint8Array;
}

/**
 * The newest events in memory: who is not far behind is caught up from here, without SQL. Bounded by count and by bytes.
 */
export class Window {
	#entries: Framed[] = [];
	/** Entries before it have left; they are cut off in bulk, because shifting an array costs its length. */
	#first = 0;
	#bytes = 0;
	#floor: bigint;

	constructor(
		floor: bigint,
		private readonly limits: { events: number; bytes: number }
	) {
		this.#floor = floor;
	}

	/** Every event after it, up to the tail, is in the window. */
	get floor(): bigint {
		return this.#floor;
	}

	get size(): number {
		return this.#entries.length - this.#first;
	}

	get bytes(): number {
		return this.#bytes;
	}

	/** Adds events that follow the ones that are there. */
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
	 * Events with `after < id ≤ to` that `wanted` accepts, in order, until their frames pass `maxBytes`.
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

/** Frames an event read from the log. */
export function toFramed(event: LogEvent, encode: (event: LogEvent) => Uint8Array): Framed {
	return { id: event.id, topic: event.topic, userId: event.userId, frame: encode(event) };
}
