import type { OlderRows } from '$src/ui/older-rows.ts';
import { SignedOut } from '../signed-out.ts';

/** Rows that a view keeps while its reader looks at old ones. */
export const MOST_ROWS = 5000;

/** Rows of one request. */
const PAGE = 200;

/** A longer request is given up, in milliseconds. */
const TIMEOUT_MS = 15_000;

export interface OlderEvent {
	id: string;
	data: object;
}

/** What it needs of the view whose older rows it brings. */
export interface OlderParts {
	topic: string;
	/** The event of the oldest row; null: there is no row. */
	oldest: () => string | null;
	/** How many rows there are. */
	count: () => number;
	/** How many rows the view keeps of what comes live. With fewer, it has all. */
	usual: number;
	/** Adds rows behind the oldest one. Newest first. */
	add: (events: readonly OlderEvent[]) => void;
	fetch: typeof fetch;
}

/** What a page of history is. See `GET /api/history`. */
interface Page {
	events: readonly { id: string; data: unknown; json?: string }[];
	oldest: string | null;
}

/** The older rows of a view, page by page, as the reader scrolls back. The log has them. */
export class Older implements OlderRows {
	/** The newest row is in view. While it is not, the view drops no row. */
	atNewest = true;
	#loading = $state(false);
	#problem = $state<string | null>(null);
	/** The log has nothing before the oldest row. */
	#isAll = $state(false);
	readonly #parts: OlderParts;

	constructor(parts: OlderParts) {
		this.#parts = parts;
	}

	get loading(): boolean {
		return this.#loading;
	}

	/** Why the last request failed. */
	get problem(): string | null {
		return this.#problem;
	}

	/** The view has as many rows as it keeps. */
	get full(): boolean {
		return this.#parts.count() >= MOST_ROWS;
	}

	/** There are older rows, as far as is known. */
	get more(): boolean {
		return !this.#isAll && !this.full && this.#parts.count() >= this.#parts.usual;
	}

	/** How many rows the view keeps now. */
	get room(): number {
		return this.atNewest ? this.#parts.usual : MOST_ROWS;
	}

	/** Call it when the view has dropped rows at its end. */
	dropped(): void {
		this.#isAll = false;
		this.#problem = null;
	}

	/** Brings the next page, one at a time. After a failure, it waits for {@link retry}. */
	load = async (): Promise<void> => {
		if (this.#problem === null) await this.#load();
	};

	retry = async (): Promise<void> => {
		this.#problem = null;
		await this.#load();
	};

	async #load(): Promise<void> {
		const before = this.#parts.oldest();
		if (this.#loading || !this.more || before === null) return;
		this.#loading = true;
		try {
			const page = await this.#read(before);
			// What the view has dropped meanwhile must not come back with a hole before it.
			if (this.#parts.oldest() !== before) return;
			this.#parts.add(page.events.flatMap(shown));
			const last = page.events.at(-1);
			// A page of large events is short, so only `oldest` tells whether it was the last.
			this.#isAll = !last || page.oldest === null || BigInt(last.id) <= BigInt(page.oldest);
		} catch (error) {
			console.debug('Older rows could not be read', error);
			this.#problem =
				error instanceof SignedOut ? error.message : 'The older ones cannot be loaded.';
		} finally {
			this.#loading = false;
		}
	}

	async #read(before: string): Promise<Page> {
		const query = new URLSearchParams({ topic: this.#parts.topic, before, limit: String(PAGE) });
		const response = await this.#parts.fetch(`/api/history?${query}`, {
			signal: AbortSignal.timeout(TIMEOUT_MS)
		});
		if (response.status === 401) throw new SignedOut();
		if (!response.ok) throw new Error(`The server answered ${response.status}.`);
		return (await response.json()) as Page;
	}
}

/** Any SQL client may publish: what is no object cannot be shown. */
function shown({ id, data, json }: Page['events'][number]): OlderEvent[] {
	const value = json === undefined ? data : (JSON.parse(json) as unknown);
	return typeof value === 'object' && value !== null ? [{ id, data: value }] : [];
}
