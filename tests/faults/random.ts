/**
 * The checker's random numbers: the same seed gives the same decisions. Each actor has its own generator, so that its
 * decisions do not depend on the number of decisions of other actors.
 */
export class Random {
	#state: number;

	constructor(seed: number) {
		this.#state = seed | 0;
	}

	/** Returns a separate generator for an actor with that name. */
	fork(name: string): Random {
		let hash = this.#state ^ 0x9e3779b9;
		for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
		return new Random(hash);
	}

	/** In [0, 1). */
	next(): number {
		// mulberry32
		this.#state = (this.#state + 0x6d2b79f5) | 0;
		let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
	}

	/** Returns an integer from `low` to `high`, both included. */
	between(low: number, high: number): number {
		return low + Math.floor(this.next() * (high - low + 1));
	}

	chance(probability: number): boolean {
		return this.next() < probability;
	}

	pick<T>(list: readonly T[]): T {
		return list[Math.floor(this.next() * list.length)]!;
	}

	/** Picks by weight. */
	weighted<T>(list: readonly (readonly [weight: number, value: T])[]): T {
		let left = this.next() * list.reduce((sum, [weight]) => sum + weight, 0);
		for (const [weight, value] of list) {
			left -= weight;
			if (left < 0) return value;
		}
		return list[list.length - 1]![1];
	}
}
