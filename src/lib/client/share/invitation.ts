import type { Message, Welcome } from './messages.ts';

/** Most of a broadcast that is kept while a tab catches up: messages, and characters of their data. */
const MOST = { messages: 1_000, characters: 4 * 1024 * 1024 };

/** The welcome of a leader, and what was broadcast since. Whoever lets go of one lets go of both. */
export class Invitation {
	readonly welcome: Welcome;
	readonly #kept: Message[] = [];
	#characters = 0;

	constructor(welcome: Welcome) {
		this.welcome = welcome;
	}

	/** @returns false when it is too much to be kept: the broadcast has a hole then */
	keep(message: Message): boolean {
		if (message.kind === 'block') this.#characters += message.data.length;
		this.#kept.push(message);
		return this.#kept.length <= MOST.messages && this.#characters <= MOST.characters;
	}

	/** What was broadcast since, the oldest first. */
	get kept(): readonly Message[] {
		return this.#kept;
	}
}
