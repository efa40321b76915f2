import { setTimeout as pause } from 'node:timers/promises';
import type { Gap } from '../../src/lib/protocol/index.ts';
import { ask } from './http.ts';
import { Habit, type Reader, type ReaderParts } from './reader.ts';

/** What the server sends. */
interface EventPage {
	events: { id: string; topic: string; data: unknown }[];
	cursor: string;
	upToDate: boolean;
	gaps: Gap[];
}

/** A program without a stream: it asks for the next page, and waits for events in that request. It drops known ids. */
export class PageReader implements Reader {
	readonly journal;
	readonly #parts: ReaderParts;
	readonly #handled = new Set<string>();
	readonly #stop = new AbortController();
	#cursor = '';
	/** Most events of a page. */
	#limit = 50;
	#habit: Habit | undefined;

	constructor(parts: ReaderParts) {
		this.#parts = parts;
		this.journal = parts.journal;
		for (const topic of parts.topics) this.journal.open(topic);
	}

	get cursor(): number {
		return Number(this.#cursor);
	}

	start(): void {
		const { random } = this.#parts;
		this.#habit = new Habit(random, 500, 3000, () => (this.#limit = random.between(1, 200)));
		void this.#read();
	}

	settle(): void {
		this.#habit?.stop();
		this.#limit = 1000;
	}

	stop(): void {
		this.settle();
		this.#stop.abort();
	}

	/** Never rejects: what goes wrong is in the journal. */
	async #read(): Promise<void> {
		while (!this.#stop.signal.aborted) {
			this.journal.connections++;
			const answer = await ask(this.#address(), {
				cookie: this.#parts.user.cookie,
				accept: 'application/json',
				timeoutMs: 15_000,
				signal: this.#stop.signal
			});
			if (answer?.status === 200) this.#take(answer.body as EventPage);
			else await this.#pause();
			if (answer?.status === 401) this.journal.falseAlarms.push(JSON.stringify(answer.body));
		}
	}

	#address(): string {
		const query = new URLSearchParams({ client: this.journal.name });
		for (const topic of this.#parts.topics) query.append('topics', topic);
		if (this.#cursor) query.set('lastEventID', this.#cursor);
		query.set('limit', String(this.#limit));
		query.set('wait', '2');
		return `${this.#parts.origin}/api/events?${query}`;
	}

	#take({ events, cursor, upToDate, gaps }: EventPage): void {
		for (const gap of gaps) this.journal.told(gap);
		for (const { id, topic, data } of events) {
			if (this.#handled.has(id)) continue;
			this.#handled.add(id);
			this.journal.received(topic, id, JSON.stringify(data));
		}
		this.#cursor = cursor;
		if (upToDate) this.journal.caughtUp({ topics: [...this.#parts.topics], cursor });
	}

	/** Ends at once when the reader is stopped. */
	#pause(): Promise<void> {
		const { signal } = this.#stop;
		return pause(this.#parts.random.between(50, 500), undefined, { signal }).catch(
			(error: unknown) => {
				if (!signal.aborted) throw error;
			}
		);
	}
}
