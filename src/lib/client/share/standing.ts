import { CONTROL, isWildcard, presentAfter, type PresentUser } from '../../protocol/index.ts';
import { readDenied, readMarker, readPresence, readSubscribed } from '../control.ts';
import { isClosed } from '../subscriptions.ts';

/** A block without an id. */
export interface Said {
	name: string;
	data: string;
}

/**
 * What a stream has said that still holds, and that a tab which comes later must know: markers, who is present, and what the
 * server does not carry.
 */
export class Standing {
	readonly #lacks = new Set<string>();
	/** Topic → its last `read`. */
	readonly #reads = new Map<string, string>();
	/** Scope → who is present. */
	readonly #present = new Map<string, readonly PresentUser[]>();
	/** Scope → the `denied` that said last that the user may not be there. */
	readonly #closed = new Map<string, string>();
	readonly #scopes: readonly string[];

	/** @param scopes in which the stream makes its user present */
	constructor(scopes: readonly string[]) {
		this.#scopes = scopes;
	}

	copy(): Standing {
		const copy = new Standing(this.#scopes);
		for (const topic of this.#lacks) copy.#lacks.add(topic);
		for (const [topic, read] of this.#reads) copy.#reads.set(topic, read);
		for (const [scope, users] of this.#present) copy.#present.set(scope, users);
		for (const [scope, denied] of this.#closed) copy.#closed.set(scope, denied);
		return copy;
	}

	take(name: string, data: string): void {
		if (name === CONTROL.read) {
			const marker = readMarker(JSON.parse(data));
			if (marker) this.#reads.set(marker.topic, data);
		} else if (name === CONTROL.presence) {
			const change = readPresence(JSON.parse(data));
			if (!change) return;
			const before = this.#present.get(change.scope) ?? [];
			this.#present.set(change.scope, presentAfter(before, change));
			this.#closed.delete(change.scope);
		} else if (name === CONTROL.denied) {
			const denied = readDenied(JSON.parse(data));
			if (!denied) return;
			this.#present.delete(denied.topic);
			if (this.#scopes.includes(denied.topic)) this.#closed.set(denied.topic, data);
			if (isClosed(denied)) this.#reads.delete(denied.topic);
			if (!isClosed(denied) || isWildcard(denied.topic)) this.#lacks.add(denied.topic);
		} else if (name === CONTROL.subscribed) {
			this.#lacks.delete(readSubscribed(JSON.parse(data))?.topic ?? '');
		}
	}

	/** Topics and wildcards that the server does not carry on the stream. */
	get lacks(): string[] {
		return [...this.#lacks];
	}

	/** The blocks that say the rest again. */
	get blocks(): Said[] {
		const lists = [...this.#present].map(([scope, users]) => JSON.stringify({ scope, users }));
		return [
			...[...this.#reads.values()].map((data) => ({ name: CONTROL.read, data })),
			...lists.map((data) => ({ name: CONTROL.presence, data })),
			...[...this.#closed.values()].map((data) => ({ name: CONTROL.denied, data }))
		];
	}
}
