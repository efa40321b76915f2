import { ANY, compareIds, isReserved, TOPIC_NAME, WILDCARD_NAME } from '../protocol/index.ts';

/** A topic or a wildcard that a client asks for, and how far its topics have been handled. */
export class Subscription {
	/** How many times this client has subscribed to the name after its start. */
	n: number;
	/** The parts of a wildcard between its slashes. null: the name is a topic. */
	readonly #parts: readonly string[] | null;
	/**
	 * Topic → id of the last handled event: an event that is not after it has been handled before.
	 *
	 * A wildcard keeps also topics that are quiet, because the server may replay them: it forgets clients that stayed away.
	 * It has about as many as the viewer has grants, because a topic that is closed is denied, and then forgotten.
	 */
	readonly #last = new Map<string, string>();
	/** Topics of a wildcard for which the cursor is not valid: it moved while the server did not carry them. */
	readonly #missed = new Set<string>();

	/** @param start every event of the topic up to this id is handled; not used for a wildcard, whose topics are unknown */
	constructor(
		readonly name: string,
		n: number,
		start: string | null = null
	) {
		this.n = n;
		this.#parts = name.includes(ANY) ? name.split('/') : null;
		if (start !== null && !this.#parts) this.#last.set(name, start);
	}

	get isWildcard(): boolean {
		return this.#parts !== null;
	}

	/** Topics with a handled event. */
	get topics(): string[] {
		return [...this.#last.keys()];
	}

	/**
	 * The form of the request: `name@n`, or `name@n:id` with the id of the last handled event. With it, an interrupted replay
	 * continues there. A wildcard has no such id, because each of its topics has one.
	 */
	get request(): string {
		const last = this.isWildcard ? '0' : (this.lastOf(this.name) ?? '0');
		return `${this.name}@${this.n}${last === '0' ? '' : `:${last}`}`;
	}

	/** @returns the parts of the topic that stand for `*`, in order; null when the topic is not one of this subscription */
	paramsOf(topic: string): readonly string[] | null {
		if (!this.#parts) return topic === this.name ? [] : null;
		const parts = topic.split('/');
		if (parts.length !== this.#parts.length) return null;
		const params: string[] = [];
		for (const [i, part] of this.#parts.entries()) {
			if (part === ANY) params.push(parts[i]!);
			else if (part !== parts[i]) return null;
		}
		return params;
	}

	/** @returns true when the event must be handled now: once for each id, in rising order */
	accept(topic: string, id: string): boolean {
		if (compareIds(id, this.lastOf(topic) ?? '0') <= 0) return false;
		this.#last.set(topic, id);
		return true;
	}

	hasHandled(topic: string): boolean {
		return this.#last.has(topic);
	}

	/** Id of the last handled event of a topic. null: none was handled. */
	lastOf(topic: string): string | null {
		return this.#last.get(topic) ?? null;
	}

	/** The history of a topic follows, and is handled again. */
	forget(topic: string): void {
		this.#last.delete(topic);
		this.#missed.delete(topic);
	}

	/** The same for all topics. */
	forgetAll(): void {
		this.#last.clear();
		this.#missed.clear();
	}

	/** The server does not carry a topic of the wildcard now, but the cursor moves on. */
	miss(topic: string): void {
		if (this.isWildcard) this.#missed.add(topic);
	}

	hasMissed(topic: string): boolean {
		return this.#missed.has(topic);
	}

	/**
	 * Becomes another subscription, for which no cursor is valid: the server sends all history again. Last ids stay, so that
	 * only events that were not handled are handled.
	 */
	renew(n: number): void {
		this.n = n;
		this.#missed.clear();
	}
}

/** @throws Error when a name is neither a valid topic name nor a wildcard */
export function checkName(name: string): void {
	if (isReserved(name)) {
		throw new Error(`"${name}" is reserved for the stream itself; choose another topic name`);
	}
	if (TOPIC_NAME.test(name)) return;
	const hasWholeParts = name.split('/').every((part) => part === ANY || !part.includes(ANY));
	if (WILDCARD_NAME.test(name) && hasWholeParts) return;
	throw new Error(
		`"${name}" is not a topic name; use letters, digits and ._/-, at most 100, and "*" for a whole part between slashes`
	);
}
