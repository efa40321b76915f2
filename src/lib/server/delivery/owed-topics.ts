import type { Start } from './subscription.ts';
import type { Framed } from './window.ts';

/** The topics that one stream carries, and where each of them begins. */
export class OwedTopics {
	/** Topic → every event after this id is owed. Ids that the stream has done are done, whatever is here. */
	readonly #starts: Map<string, bigint>;
	/** Sorted. null: they have changed since they were last asked for. */
	#names: readonly string[] | null = null;

	constructor(starts: readonly Start[]) {
		this.#starts = new Map(starts.map(({ topic, after }) => [topic, after]));
	}

	/** Sorted. */
	get names(): readonly string[] {
		return (this.#names ??= [...this.#starts.keys()].sort());
	}

	has(topic: string): boolean {
		return this.#starts.has(topic);
	}

	/** @returns true when the event is of one of the topics, and not before its start */
	include({ topic, id }: Framed): boolean {
		const start = this.#starts.get(topic);
		return start !== undefined && id > start;
	}

	/** The least start. null: there are no topics. */
	get least(): bigint | null {
		let least: bigint | null = null;
		for (const after of this.#starts.values()) if (least === null || after < least) least = after;
		return least;
	}

	/** The greatest start; 0 when there are no topics. */
	get greatest(): bigint {
		let greatest = 0n;
		for (const after of this.#starts.values()) if (after > greatest) greatest = after;
		return greatest;
	}

	/** @returns the topics of which events up to `to` may be owed when those up to `done` are done */
	between(done: bigint, to: bigint): Start[] {
		const wanted: Start[] = [];
		for (const [topic, start] of this.#starts) {
			if (start < to) wanted.push({ topic, after: start > done ? start : done });
		}
		return wanted;
	}

	drop(topic: string): void {
		this.#starts.delete(topic);
		this.#names = null;
	}

	/** Adds topics to those of which the events up to `done` are done. */
	begin(begun: readonly Start[], done: bigint): void {
		for (const [topic, after] of this.#starts) if (after < done) this.#starts.set(topic, done);
		for (const { topic, after } of begun) this.#starts.set(topic, after);
		this.#names = null;
	}
}
