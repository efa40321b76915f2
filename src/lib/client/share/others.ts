import type { Needs } from './needs.ts';

/** A tab that was not heard of for this long is gone. Milliseconds. */
const FORGET = 180_000;

/** The other tabs, and what they need, as far as this tab has heard. */
export class Others {
	/** Tab → what it needs, and when it last said so. Milliseconds since 1970. */
	readonly #heard = new Map<string, { needs: Needs; at: number }>();

	/** How many are remembered. */
	get size(): number {
		return this.#heard.size;
	}

	/** A tab says what it needs. */
	need(tab: string, needs: Needs): void {
		this.#forget();
		this.#heard.set(tab, { needs, at: Date.now() });
	}

	leave(tab: string): void {
		this.#heard.delete(tab);
	}

	/** What each tab needs. */
	get needs(): Needs[] {
		this.#forget();
		return [...this.#heard.values()].map(({ needs }) => needs);
	}

	/** Tabs whose user would stay present if nobody noticed that they are gone. */
	get present(): string[] {
		this.#forget();
		return [...this.#heard].flatMap(([tab, { needs }]) => (needs.presence.length > 0 ? [tab] : []));
	}

	/** A tab that has crashed does not say that it is gone. */
	#forget(): void {
		for (const [tab, { at }] of this.#heard) if (Date.now() - at > FORGET) this.#heard.delete(tab);
	}
}
