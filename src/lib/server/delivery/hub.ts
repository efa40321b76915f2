import type { LogEvent } from '../log/types.ts';
import { concat, type Encoder } from './sink.ts';
import { toFramed, Window, type Framed } from './window.ts';

/** A live subscriber, as the hub sees it. */
export interface Member {
	readonly userId: string;
	/** Sorted. */
	readonly topics: readonly string[];
	/**
	 * Gets the frames of one batch as one chunk.
	 *
	 * @param before position of the member until now: what it falls back to when it cannot take more
	 */
	deliver(chunk: Uint8Array, before: bigint): void;
}

/** Live subscribers of one set of topics: what is for everyone is joined once for all of them. */
class Group {
	readonly topics: ReadonlySet<string>;
	readonly members = new Set<Member>();
	readonly byUser = new Map<string, Set<Member>>();

	constructor(topics: readonly string[]) {
		this.topics = new Set(topics);
	}

	add(member: Member): void {
		this.members.add(member);
		const own = this.byUser.get(member.userId);
		if (own) own.add(member);
		else this.byUser.set(member.userId, new Set([member]));
	}

	delete(member: Member): void {
		this.members.delete(member);
		const own = this.byUser.get(member.userId);
		own?.delete(member);
		if (own?.size === 0) this.byUser.delete(member.userId);
	}

	deliver(batch: readonly Framed[], before: bigint): void {
		const wanted = batch.filter((event) => this.topics.has(event.topic));
		if (wanted.length === 0) return;
		const shared = wanted.filter((event) => event.userId === null);
		const owners = new Set<string>();
		for (const event of wanted) {
			if (event.userId !== null && this.byUser.has(event.userId)) owners.add(event.userId);
		}
		if (shared.length > 0) {
			const chunk = concat(shared.map((event) => event.frame));
			for (const member of this.members) {
				if (!owners.has(member.userId)) member.deliver(chunk, before);
			}
		}
		for (const owner of owners) {
			const visible = wanted.filter((event) => maySee(owner, event));
			const chunk = concat(visible.map((event) => event.frame));
			for (const member of this.byUser.get(owner) ?? []) member.deliver(chunk, before);
		}
	}
}

/** The rule of who gets an event of a topic they are subscribed to: it is for everyone, or for them. */
export function maySee(userId: string | null, event: { userId: string | null }): boolean {
	return event.userId === null || event.userId === userId;
}

/** Limits of the window in memory. */
export interface WindowLimits {
	events: number;
	bytes: number;
}

/**
 * Hands each batch of the log to the live subscribers, and keeps the newest events for those who come back soon.
 *
 * Everything here happens in one tick per batch, which is what makes joining safe: a subscriber that has read up to
 * {@link tail} and attaches in the same tick misses nothing and gets nothing twice.
 */
export class Hub {
	readonly #encoder: Encoder;
	readonly #groups = new Map<string, Group>();
	readonly #waiting = new Set<{ id: bigint; resolve(): void }>();
	readonly #limits: WindowLimits;
	#window: Window;
	#tail: bigint;
	#generation = 0;

	/**
	 * @param tail position of the log at which `recent` ends
	 * @param recent newest events up to `tail`, in order, without holes
	 * @param floor everything after it is in `recent`
	 */
	constructor(
		encoder: Encoder,
		start: { tail: bigint; floor: bigint; recent: readonly LogEvent[] },
		limits: WindowLimits
	) {
		this.#encoder = encoder;
		this.#limits = limits;
		this.#tail = start.tail;
		this.#window = new Window(start.floor, limits);
		this.#window.push(start.recent.map((event) => this.frame(event)));
	}

	/** Id up to which every event has been handed to the live subscribers. */
	get tail(): bigint {
		return this.#tail;
	}

	/** Changes when the log is replaced: what was decided before holds no more. */
	get generation(): number {
		return this.#generation;
	}

	get window(): Pick<Window, 'floor' | 'size' | 'bytes' | 'read'> {
		return this.#window;
	}

	/** Number of live subscribers. */
	get live(): number {
		let count = 0;
		for (const group of this.#groups.values()) count += group.members.size;
		return count;
	}

	frame(event: LogEvent): Framed {
		return toFramed(event, (e) => this.#encoder.event(e));
	}

	/** Takes the next events of the log, in order. */
	publish(events: readonly LogEvent[]): void {
		if (events.length === 0) return;
		const before = this.#tail;
		const batch = events.map((event) => this.frame(event));
		this.#tail = batch[batch.length - 1]!.id;
		this.#window.push(batch);
		for (const group of this.#groups.values()) group.deliver(batch, before);
		for (const waiter of this.#waiting) {
			if (waiter.id <= this.#tail) {
				this.#waiting.delete(waiter);
				waiter.resolve();
			}
		}
	}

	/** Forgets everything: the log is another one. The owner ends the subscribers first. */
	reset(tail: bigint): void {
		this.#generation++;
		this.#tail = tail;
		this.#window = new Window(tail, this.#limits);
	}

	/** Resolves when the tail has reached `id`, or `signal` aborts. */
	reached(id: bigint, signal: AbortSignal): Promise<void> {
		if (id <= this.#tail || signal.aborted) return Promise.resolve();
		return new Promise((resolve) => {
			const waiter = {
				id,
				resolve: () => {
					signal.removeEventListener('abort', abort);
					resolve();
				}
			};
			const abort = () => {
				this.#waiting.delete(waiter);
				resolve();
			};
			signal.addEventListener('abort', abort, { once: true });
			this.#waiting.add(waiter);
		});
	}

	/** Makes a subscriber live. Its position must be {@link tail}, read in the same tick. */
	attach(member: Member): void {
		const key = member.topics.join('\n');
		let group = this.#groups.get(key);
		if (!group) this.#groups.set(key, (group = new Group(member.topics)));
		group.add(member);
	}

	detach(member: Member): void {
		const key = member.topics.join('\n');
		const group = this.#groups.get(key);
		group?.delete(member);
		if (group?.members.size === 0) this.#groups.delete(key);
	}
}
