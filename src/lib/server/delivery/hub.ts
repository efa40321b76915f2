import { CONTROL, maySee, type Gap } from '../../protocol/index.ts';
import type { LogEvent } from '../log/types.ts';
import { join, type Chunk, type Encoder } from './sink.ts';
import { Window, type Framed } from './window.ts';

/** A live subscriber, as the hub sees it. */
export interface Member {
	readonly userId: string;
	/** Sorted. */
	readonly topics: readonly string[];
	/**
	 * Takes the frames of one batch, joined into chunks.
	 *
	 * @param before position of the member before this batch: the member catches up from here when it cannot take more
	 */
	deliver(chunks: readonly Chunk[], before: bigint): void;
	/**
	 * An event after this position, which the member may still be owed, was trimmed. The member catches up from the log from
	 * here, and the log sends the `gap`.
	 */
	goBack(before: bigint): void;
}

/** Live subscribers with the same set of topics. Frames for everyone are joined once for the whole group. */
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

	/** @returns true when the group is subscribed to one of the topics */
	hasAny(topics: readonly string[]): boolean {
		return topics.some((topic) => this.topics.has(topic));
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
			const chunks = join(shared);
			for (const member of this.members) {
				if (!owners.has(member.userId)) member.deliver(chunks, before);
			}
		}
		for (const owner of owners) {
			const chunks = join(wanted.filter((event) => maySee(owner, event)));
			for (const member of this.byUser.get(owner) ?? []) member.deliver(chunks, before);
		}
	}
}

/** An event that cannot be sent is replaced by a `gap`, which moves the cursor as the event would. */
function encode(encoder: Encoder, { id, topic, data }: LogEvent): Uint8Array {
	if (data !== null) return encoder.event({ id, topic, data });
	const gap: Gap = { topic, after: String(id - 1n), oldest: String(id + 1n) };
	return encoder.control(CONTROL.gap, gap, id);
}

/** Limits of the window in memory. */
export interface WindowLimits {
	events: number;
	bytes: number;
}

/**
 * Hands each batch of the log to the live subscribers, and keeps the newest events for clients that reconnect soon.
 *
 * A batch is handed over within one tick. Therefore joining is safe: a subscriber that has read up to {@link tail} and
 * attaches in the same tick misses no event and gets no event twice.
 */
export class Hub {
	readonly #encoder: Encoder;
	readonly #groups = new Map<string, Group>();
	readonly #waiting = new Set<{ id: bigint; look: number; resolve(): void }>();
	readonly #look: () => void;
	readonly #limits: WindowLimits;
	#window: Window;
	#tail: bigint;
	/** Number of looks at the log that have begun. */
	#looks = 0;

	/**
	 * @param tail position of the log at which `recent` ends
	 * @param recent newest events up to `tail`, in id order, without missing ones
	 * @param floor every event after this id is in `recent`
	 * @param look asks the tailer to look at the log soon
	 */
	constructor(
		encoder: Encoder,
		start: { tail: bigint; floor: bigint; recent: readonly LogEvent[]; look: () => void },
		limits: WindowLimits
	) {
		this.#encoder = encoder;
		this.#limits = limits;
		this.#tail = start.tail;
		this.#look = start.look;
		this.#window = new Window(start.floor, limits);
		this.#window.push(start.recent.map((event) => this.frame(event)));
	}

	/** Id up to which every event has been handed to the live subscribers. */
	get tail(): bigint {
		return this.#tail;
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
		const { id, topic, userId } = event;
		return { id, topic, userId, frame: encode(this.#encoder, event) };
	}

	/**
	 * Takes the next events of the log, in id order.
	 *
	 * @param upTo the events are complete up to this id
	 * @param trimmed topics of which some events are missing here because they were trimmed: their subscribers read from the
	 *   log, which sends the `gap`
	 */
	publish(events: readonly LogEvent[], upTo: bigint, trimmed: readonly string[]): void {
		const before = this.#tail;
		const batch = events.map((event) => this.frame(event));
		this.#tail = upTo;
		if (trimmed.length === 0) this.#window.push(batch);
		// The window must not hide the missing events, so it starts again empty.
		else this.#window = new Window(this.#tail, this.#limits);
		for (const group of [...this.#groups.values()]) {
			if (!group.hasAny(trimmed)) group.deliver(batch, before);
			else for (const member of [...group.members]) member.goBack(before);
		}
		this.#release(({ id }) => id <= this.#tail);
	}

	/** A look at the log begins. Events committed before this moment are published before {@link atEnd}. */
	looks(): void {
		this.#looks++;
	}

	/**
	 * The log has been read to its end. A waiter that came before this look began waits for an id that is not there: release
	 * it.
	 */
	atEnd(): void {
		this.#release(({ look }) => look < this.#looks);
	}

	#release(done: (waiter: { id: bigint; look: number }) => boolean): void {
		for (const waiter of this.#waiting) {
			if (!done(waiter)) continue;
			this.#waiting.delete(waiter);
			waiter.resolve();
		}
	}

	/** Drops everything because the log was replaced. The owner ends the subscribers first. */
	reset(tail: bigint): void {
		this.#tail = tail;
		this.#window = new Window(tail, this.#limits);
	}

	/**
	 * Resolves when the tail has reached `id`. It also resolves when a look that began after this call reaches the end of
	 * the log before `id`: the newest events were deleted, and nothing up to `id` is missing. Or when `signal` aborts.
	 */
	reached(id: bigint, signal: AbortSignal): Promise<void> {
		if (id <= this.#tail || signal.aborted) return Promise.resolve();
		return new Promise((resolve) => {
			const waiter = {
				id,
				look: this.#looks,
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
			this.#look();
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
