/** Counts things by key. A key whose count is 0 takes no memory. */
export class Tally {
	readonly #counts = new Map<string, number>();

	of(key: string): number {
		return this.#counts.get(key) ?? 0;
	}

	add(key: string, change: 1 | -1): void {
		const next = this.of(key) + change;
		if (next === 0) this.#counts.delete(key);
		else this.#counts.set(key, next);
	}
}
