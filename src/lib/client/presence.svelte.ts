import { untrack } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';
import { presentAfter, type PresenceChange, type PresentUser } from '../protocol/index.ts';

/** Who is present in each scope, as the server says. */
export class PresenceLists {
	/** Reactive. */
	readonly #lists = new SvelteMap<string, readonly PresentUser[]>();

	/** Returns who is present in a scope; empty while it is not known. Reactive. */
	of(scope: string): readonly PresentUser[] {
		return this.#lists.get(scope) ?? NOBODY;
	}

	apply(change: PresenceChange): void {
		this.#lists.set(change.scope, presentAfter(this.of(change.scope), change));
	}

	/** Forgets a scope. */
	forget(scope: string): void {
		this.#lists.delete(scope);
	}

	/** Forgets all scopes, except some. An effect that calls this does not depend on the lists. */
	keep(scopes: readonly string[]): void {
		for (const scope of untrack(() => [...this.#lists.keys()])) {
			if (!scopes.includes(scope)) this.#lists.delete(scope);
		}
	}
}

const NOBODY: readonly PresentUser[] = [];
