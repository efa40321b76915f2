import type { DrivenEventSource } from './driven-event-source.ts';

interface Block {
	name: string;
	id: number | '';
	data: unknown;
}

/**
 * A small model of the log and its server, as documented: topics are safe from `since` on, new topics replay, and one scan
 * in id order serves both. It serves one client, block by block, when the test says so.
 */
export class ModelLog {
	readonly events: { id: number; topic: string }[] = [];
	head = 0;
	epoch = 1;
	/** `topic@n` → since */
	readonly #rows = new Map<string, number>();
	#serving: DrivenEventSource | null = null;
	#queue: Block[] = [];

	append(topic: string): void {
		this.head += 1;
		this.events.push({ id: this.head, topic });
		if (this.#serving?.topics.some((wanted) => nameOf(wanted) === topic)) {
			this.#queue.push({ name: topic, id: this.head, data: {} });
		}
	}

	ids(topic: string): string[] {
		return this.events.filter((event) => event.topic === topic).map(({ id }) => String(id));
	}

	/** Goes back to an earlier state, like a restore from backup. */
	restore(head: number): void {
		this.head = head;
		this.events.splice(this.events.findIndex(({ id }) => id > head) >>> 0);
		for (const [key, since] of this.#rows) if (since > head) this.#rows.delete(key);
		this.epoch += 1;
		this.#serving = null;
	}

	/** The request reaches the server, which records it and decides what it owes. */
	accept(source: DrivenEventSource): void {
		const { cursor: text, topics, query } = source;
		const foreign =
			text !== null &&
			(Number(text) > this.head || (query.has('log') && query.get('log') !== String(this.epoch)));
		const cursor = text === null || foreign ? null : Number(text);
		const fresh = this.#rows.size === 0 && topics.every((topic) => countOf(topic) === 0);
		const missing = topics.map(keyOf).filter((topic) => !this.#rows.has(topic));
		const starts = new Map<string, number>();
		for (const topic of topics) {
			const since = this.#rows.get(keyOf(topic));
			const safe = cursor !== null && (fresh || (since !== undefined && cursor >= since));
			// A replay that broke off continues after the last handled event.
			const last = cursor !== null && lastOf(topic) <= cursor ? lastOf(topic) : 0;
			starts.set(nameOf(topic), safe ? cursor : last);
		}
		if (missing.length > 0) {
			let since = 0;
			if (cursor !== null && !fresh) since = this.head += 1;
			for (const topic of missing) this.#rows.set(topic, since);
		}
		for (const key of this.#rows.keys()) {
			const newer = topics.find((topic) => nameOf(topic) === nameOf(key));
			if (newer ? countOf(key) < countOf(newer) : countOf(key) === 0) this.#rows.delete(key);
		}

		this.#serving = source;
		this.#queue = [];
		if (foreign) {
			for (const topic of starts.keys()) {
				const oldest = this.ids(topic)[0] ?? null;
				this.#queue.push({ name: 'gap', id: '', data: { topic, after: text, oldest } });
			}
		}
		for (const { id, topic } of this.events) {
			const start = starts.get(topic);
			if (start !== undefined && id > start) this.#queue.push({ name: topic, id, data: {} });
		}
		this.#queue.push({
			name: 'caught-up',
			id: this.head,
			data: { topics: [...starts.keys()], cursor: String(this.head), log: String(this.epoch) }
		});
	}

	/** Delivers up to `count` owed blocks. */
	deliver(count: number): void {
		for (const block of this.#queue.splice(0, count)) {
			this.#serving?.emit(block.name, block.id, block.data);
		}
	}

	keepAlive(): void {
		// Only a connection without owed blocks is at the head.
		if (this.#queue.length === 0) this.#serving?.emit('keep-alive', this.head, {});
	}
}

const nameOf = (wanted: string): string => wanted.slice(0, wanted.indexOf('@'));
const countOf = (wanted: string): number => Number(/@([0-9]+)/.exec(wanted)![1]);
/** Returns the id of the last event that the client handled; 0: none. */
const lastOf = (wanted: string): number => Number(/:([0-9]+)$/.exec(wanted)?.[1] ?? 0);
const keyOf = (wanted: string): string => wanted.replace(/:.*$/, '');
