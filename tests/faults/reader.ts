import type { TestUser } from '../support/app-server.ts';
import { ask } from './http.ts';
import type { Journal } from './journal.ts';
import type { Random } from './random.ts';

/** A client of some implementation. It toggles, pauses or dies at random until it is told to settle. */
export interface Reader {
	readonly journal: Journal;
	start(): void;
	/** Stops toggling, pausing and dying. From now on it only reads. */
	settle(): void;
	/** Id up to which it believes it has received everything. */
	readonly cursor: number;
	stop(): void;
}

/** What every reader needs. */
export interface ReaderParts {
	/** Origin of an application, through the proxy. */
	origin: string;
	user: TestUser;
	random: Random;
	journal: Journal;
	topics: readonly string[];
	habits: Habits;
}

/** What a reader does besides reading. */
export interface Habits {
	/** Topics that it removes and adds again. */
	toggles?: readonly string[];
	/** Sometimes stops reading its socket. */
	pauses?: boolean;
	/** Sometimes dies, and another client continues from the state of its page. */
	dies?: boolean;
}

/** The first state of a page. */
export interface Page {
	events: { id: string; topic: string; data: unknown }[];
	cursor: string;
}

/** Reads the first state of a page; null: the application did not respond. */
export async function readPage(
	parts: ReaderParts,
	topics: readonly string[]
): Promise<Page | null> {
	const query = new URLSearchParams([
		['user', parts.user.id],
		...topics.map((topic): [string, string] => ['topics', topic])
	]);
	const answer = await ask(`${parts.origin}/page?${query}`, { timeoutMs: 10_000 });
	return answer?.status === 200 ? (answer.body as Page) : null;
}

/** Runs an action at random intervals until it is stopped. */
export class Habit {
	readonly #random: Random;
	readonly #act: () => void;
	readonly #low: number;
	readonly #high: number;
	#timer: NodeJS.Timeout | undefined;

	/**
	 * @param low shortest pause between two actions, in milliseconds
	 * @param high longest pause, in milliseconds
	 */
	constructor(random: Random, low: number, high: number, act: () => void) {
		this.#random = random;
		this.#low = low;
		this.#high = high;
		this.#act = act;
		this.#arm();
	}

	stop(): void {
		clearTimeout(this.#timer);
	}

	#arm(): void {
		this.#timer = setTimeout(
			() => {
				this.#arm();
				this.#act();
			},
			this.#random.between(this.#low, this.#high)
		);
	}
}
