/** A tab that was not heard of for this long is gone. Milliseconds. */
const FORGET = 180_000;

/** The other tabs, and the names that they need, as far as this tab has heard. */
export class Others {
	/** Tab → its names, and when it last said so. Milliseconds since 1970. */
	readonly #heard = new Map<string, { names: readonly string[]; at: number }>();

	/** How many are remembered. */
	get size(): number {
		return this.#heard.size;
	}

	/** A tab says what it needs. */
	need(tab: string, names: readonly string[]): void {
		this.#forget();
		this.#heard.set(tab, { names, at: Date.now() });
	}

	leave(tab: string): void {
		this.#heard.delete(tab);
	}

	/** For each tab, the names that it needs. */
	get names(): (readonly string[])[] {
		this.#forget();
		return [...this.#heard.values()].map(({ names }) => names);
	}

	/** A tab that has crashed does not say that it is gone. */
	#forget(): void {
		for (const [tab, { at }] of this.#heard) if (Date.now() - at > FORGET) this.#heard.delete(tab);
	}
}
