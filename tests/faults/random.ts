/**
 * The checker's dice: the same seed makes the same decisions. Each actor has dice of its own, so that what one of them
 * decides does not depend on how often another has thrown.
 */
export class Random {
	#state: number;

	constructor(seed: number) {
		this.#state = seed | 0;
	}

	/** Dice of their own for an actor of that name. */
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

	/** A whole number from `low` to `high`, both included. */
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
