interface Bucket {
	/** What is left. */
	left: number;
	/** When `left` was computed, in milliseconds of `performance.now()`. */
	at: number;
}

/**
 * Limits how often each user may do something that costs others (a token bucket): `atOnce` immediately, then `perMinute`.
 */
export class Rate {
	readonly #perMinute: number;
	readonly #atOnce: number;
	readonly #buckets = new Map<string, Bucket>();

	constructor(options: { perMinute: number; atOnce: number }) {
		this.#perMinute = options.perMinute;
		this.#atOnce = options.atOnce;
	}

	/** Number of users that it remembers. */
	get size(): number {
		return this.#buckets.size;
	}

	/** @returns milliseconds to wait before the next time; 0: this time is allowed and counted */
	take(user: string, now: number): number {
		const bucket = this.#buckets.get(user) ?? { left: this.#atOnce, at: now };
		this.#refill(bucket, now);
		this.#buckets.set(user, bucket);
		if (bucket.left < 1) return Math.ceil(((1 - bucket.left) * 60_000) / this.#perMinute);
		bucket.left--;
		return 0;
	}

	/** Drops users whose bucket is full again. */
	prune(now: number): void {
		for (const [user, bucket] of this.#buckets) {
			this.#refill(bucket, now);
			if (bucket.left === this.#atOnce) this.#buckets.delete(user);
		}
	}

	#refill(bucket: Bucket, now: number): void {
		const more = (Math.max(0, now - bucket.at) * this.#perMinute) / 60_000;
		bucket.left = Math.min(this.#atOnce, bucket.left + more);
		bucket.at = now;
	}
}
