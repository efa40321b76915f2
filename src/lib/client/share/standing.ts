import { CONTROL, presentAfter, type PresentUser } from '../../protocol/index.ts';
import { readDenied, readMarker, readPresence } from '../control.ts';
import { isClosed } from '../subscriptions.ts';

/** A block without an id. */
export interface Said {
	name: string;
	data: string;
}

/** What a stream has said that still holds, and that a tab which comes later must know: markers, and who is present. */
export class Standing {
	/** Topic → its last `read`. */
	readonly #reads = new Map<string, string>();
	/** Scope → who is present. */
	readonly #present = new Map<string, readonly PresentUser[]>();

	take(name: string, data: string): void {
		if (name === CONTROL.read) {
			const marker = readMarker(JSON.parse(data));
			if (marker) this.#reads.set(marker.topic, data);
		} else if (name === CONTROL.presence) {
			const change = readPresence(JSON.parse(data));
			if (!change) return;
			const before = this.#present.get(change.scope) ?? [];
			this.#present.set(change.scope, presentAfter(before, change));
		} else if (name === CONTROL.denied) {
			const denied = readDenied(JSON.parse(data));
			if (!denied) return;
			this.#present.delete(denied.topic);
			if (isClosed(denied)) this.#reads.delete(denied.topic);
		}
	}

	/** The stream tells no more of other scopes than these. */
	keep(scopes: readonly string[]): void {
		for (const scope of this.#present.keys()) {
			if (!scopes.includes(scope)) this.#present.delete(scope);
		}
	}

	/** The blocks that say it again. */
	get blocks(): Said[] {
		const lists = [...this.#present].map(([scope, users]) => JSON.stringify({ scope, users }));
		return [
			...[...this.#reads.values()].map((data) => ({ name: CONTROL.read, data })),
			...lists.map((data) => ({ name: CONTROL.presence, data }))
		];
	}
}
