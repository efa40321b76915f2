import type { TestUser } from '../support/app-server.ts';
import { ask } from './http.ts';
import type { Journal } from './journal.ts';
import type { Random } from './random.ts';

/** A client of some make, with a life of its own until it is told to settle. */
export interface Reader {
	readonly journal: Journal;
	start(): void;
	/** No more toggling, pausing or dying: from now on it only reads. */
	settle(): void;
	/** Id up to which it believes to have everything. */
	readonly cursor: number;
	stop(): void;
}

/** What every reader needs. */
export interface ReaderParts {
	/** Of an application, through the proxy. */
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
	/** Stops reading its socket now and then. */
	pauses?: boolean;
	/** Dies now and then, and another client goes on where its page was. */
	dies?: boolean;
}

/** What a page shows at first. */
export interface Page {
	events: { id: string; topic: string; data: unknown }[];
	cursor: string;
}

/** Reads what a page would be rendered from; null: the application could not be asked. */
export async function readPage(
	parts: ReaderParts,
	topics: readonly string[]
): Promise<Page | null> {
	const query = new URLSearchParams([
		['user', parts.user.userId],
		...topics.map((topic): [string, string] => ['topics', topic])
	]);
	const answer = await ask(`${parts.origin}/page?${query}`, { timeoutMs: 10_000 });
	return answer?.status === 200 ? (answer.body as Page) : null;
}

/** Does something now and then until it is stopped. */
export class Habit {
	readonly #random: Random;
	readonly #act: () => void;
	readonly #low: number;
	readonly #high: number;
	#timer: NodeJS.Timeout | undefined;

	/** @param low shortest and longest pause between two acts, in milliseconds */
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
