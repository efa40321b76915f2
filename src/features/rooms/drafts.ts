import { SvelteMap } from 'svelte/reactivity';
import type { RoomScope } from './reducer.ts';

interface Draft {
	text: string;
	/** Why it could not be sent. null: it was not sent yet. */
	problem: string | null;
}

/** By user and room, for as long as the tab is not loaded anew. Only readers write here, so on the server it is empty. */
const drafts = new SvelteMap<string, Draft>();

/** What a user has typed into rooms and not sent, or sent in vain. The form goes with its room, and the text must not. */
export class Drafts {
	readonly #userID: string;

	constructor(userID: string) {
		this.#userID = userID;
	}

	text(scope: RoomScope): string {
		return drafts.get(this.#key(scope))?.text ?? '';
	}

	/** Why the text could not be sent. */
	problem(scope: RoomScope): string | null {
		return drafts.get(this.#key(scope))?.problem ?? null;
	}

	type(scope: RoomScope, text: string): void {
		if (text === '') drafts.delete(this.#key(scope));
		else drafts.set(this.#key(scope), { text, problem: this.problem(scope) });
	}

	/** The text is on its way. */
	send(scope: RoomScope): void {
		drafts.delete(this.#key(scope));
	}

	/** A text that was on its way comes back. What was typed meanwhile comes after it. */
	takeBack(scope: RoomScope, sent: string, problem: string): void {
		const text = [sent, this.text(scope)].filter((part) => part !== '').join('\n');
		drafts.set(this.#key(scope), { text, problem });
	}

	#key(scope: RoomScope): string {
		return `${this.#userID} ${scope}`;
	}
}
