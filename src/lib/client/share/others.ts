import type { Needs } from './needs.ts';

/** A tab that was not heard of for this long is gone. Milliseconds. */
const FORGET = 180_000;

/** The other tabs, and what they need, as far as this tab has heard. */
export class Others {
	/** Tab → whose it is, what it needs, and when it last said so. Milliseconds since 1970. */
	readonly #heard = new Map<string, { user: string | null; needs: Needs; at: number }>();

	/** How many are remembered. */
	get size(): number {
		return this.#heard.size;
	}

	/**
	 * A tab says what it needs.
	 *
	 * @param user null: it does not know yet
	 */
	need(tab: string, user: string | null, needs: Needs): void {
		this.#forget();
		this.#heard.set(tab, { user, needs, at: Date.now() });
	}

	leave(tab: string): void {
		this.#heard.delete(tab);
	}

	/** What each tab of a user needs, and each that does not know its user yet. */
	needsOf(user: string): Needs[] {
		this.#forget();
		return [...this.#heard.values()]
			.filter((tab) => tab.user === null || tab.user === user)
			.map(({ needs }) => needs);
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
