/** Ids that are remembered for each topic: more than a page shows. */
const MOST = 5000;

/** Which events this page has handled, by topic: the newest of each. */
export class Handled {
	readonly #topics = new Map<string, Set<string>>();

	/** @returns false when it was handled before */
	add(topic: string, id: string): boolean {
		let ids = this.#topics.get(topic);
		if (!ids) this.#topics.set(topic, (ids = new Set()));
		if (ids.has(id)) return false;
		ids.add(id);
		if (ids.size > MOST) for (const oldest of ids) return ids.delete(oldest);
		return true;
	}

	/** Forgets a topic, because it begins again. */
	forget(topic: string): void {
		this.#topics.delete(topic);
	}

	has(id: string): boolean {
		for (const ids of this.#topics.values()) if (ids.has(id)) return true;
		return false;
	}
}
