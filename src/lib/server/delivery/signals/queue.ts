import type { AcceptedSignal } from './accept.ts';

/** A signal in a queue. */
interface QueuedSignal extends AcceptedSignal {
	/** When it ends, in milliseconds of `performance.now()`. */
	until: number;
}

/** Bounds of a queue. */
interface QueueLimits {
	signals: number;
	octets: number;
}

/**
 * Signals that wait to be sent. The newest with a key replaces the earlier one. When the queue is full, the oldest signals are
 * dropped: what is new is worth more.
 */
export class SignalQueue {
	readonly #limits: QueueLimits;
	/** Key → signal, the oldest first. */
	readonly #waiting = new Map<string, QueuedSignal>();
	#octets = 0;
	#dropped = 0;

	constructor(limits: QueueLimits) {
		this.#limits = limits;
	}

	get size(): number {
		return this.#waiting.size;
	}

	/** Number of signals that were dropped because the queue was full, or because they ended before they were sent. */
	get dropped(): number {
		return this.#dropped;
	}

	/** @param now milliseconds of `performance.now()` */
	put(signal: AcceptedSignal, now: number): void {
		this.#remove(signal.key);
		this.#add({ ...signal, until: now + signal.ttl });
	}

	/** Puts signals back that could not be sent, unless a newer one with the same key has come. */
	putBack(signals: readonly QueuedSignal[]): void {
		for (const signal of signals) if (!this.#waiting.has(signal.key)) this.#add(signal);
	}

	#add(signal: QueuedSignal): void {
		this.#waiting.set(signal.key, signal);
		this.#octets += signal.octets;
		for (const key of this.#waiting.keys()) {
			if (this.#waiting.size <= this.#limits.signals && this.#octets <= this.#limits.octets) break;
			this.#remove(key);
			this.#dropped++;
		}
	}

	/** Removes and returns the oldest signals that have not ended, up to a number of octets. */
	take(octets: number, now: number): QueuedSignal[] {
		const taken: QueuedSignal[] = [];
		for (const [key, signal] of this.#waiting) {
			if (octets < signal.octets) break;
			this.#remove(key);
			if (signal.until <= now) {
				this.#dropped++;
				continue;
			}
			octets -= signal.octets;
			taken.push(signal);
		}
		return taken;
	}

	#remove(key: string): void {
		const signal = this.#waiting.get(key);
		if (!signal) return;
		this.#waiting.delete(key);
		this.#octets -= signal.octets;
	}
}
