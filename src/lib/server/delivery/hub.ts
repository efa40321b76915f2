import { CONTROL, type Gap } from '../../protocol/index.ts';
import { ENDED } from '../log/end-topic.ts';
import type { LogEvent } from '../log/types.ts';
import { Groups, type Attached, type Member } from './groups.ts';
import { endedTopic, frameEnded } from './ended.ts';
import { divide, type Portion } from './portion.ts';
import type { Encoder } from './sink.ts';
import { Watchers, type Watcher } from './watchers.ts';
import { Window, type Framed } from './window.ts';

export type { Member } from './groups.ts';
export type { Watcher } from './watchers.ts';

/** An event that cannot be sent is replaced by a `gap`, which moves the cursor as the event would. */
function encode(encoder: Encoder, { id, topic, data }: LogEvent): Uint8Array {
	if (data !== null) return encoder.event({ id, topic, data });
	const gap: Gap = { topic, after: String(id - 1n), oldest: String(id + 1n) };
	return encoder.control(CONTROL.gap, gap, id);
}

/** A signal as it arrives from the database. */
export interface ReceivedSignal {
	topic: string;
	/** null: everyone who may see the topic. */
	userId: string | null;
	/** Data of its frame. */
	json: string;
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
	readonly #groups = new Groups();
	readonly #watchers = new Watchers();
	readonly #waiting = new Set<{ id: bigint; look: number; resolve(): void }>();
	readonly #look: () => void;
	readonly #limits: WindowLimits;
	#window: Window;
	#tail: bigint;
	/** Number of batches that have begun. */
	#batch = 0;
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
		return this.#groups.size;
	}

	/** The end of a topic becomes a frame of that topic: whoever carries it gets it, after its last event. */
	frame(event: LogEvent): Framed {
		const { id, topic, userId } = event;
		const ended = topic === ENDED ? endedTopic(event) : null;
		if (ended !== null) return frameEnded(this.#encoder, ended, id);
		return { id, topic, userId, frame: encode(this.#encoder, event) };
	}

	/**
	 * Takes the next events of the log, in id order. What it costs depends on what it delivers, not on how many subscribers,
	 * topics and users there are. While it delivers, a subscriber may detach itself and others, and attach some.
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
		this.#batch++;
		this.#watchers.tell(events, before);
		this.#sendBack(trimmed, before);
		const { shared, own } = divide(batch, this.#groups);
		// First the users with events of their own. Thereafter, the rest of their groups gets the shared ones.
		for (const [userId, portions] of own) {
			for (const attached of this.#groups.ofUser(userId)) {
				const portion = portions.get(attached.group);
				if (portion) this.#hand(portion, attached, before);
			}
		}
		for (const [group, portion] of shared) {
			for (const attached of group.attached) this.#hand(portion, attached, before);
		}
		this.#release(({ id }) => id <= this.#tail);
	}

	/**
	 * Passes signals on to the live subscribers that may see their topics now and have room. Nobody else gets them, not even
	 * later.
	 */
	signal(signals: readonly ReceivedSignal[]): void {
		this.#batch++;
		const batch = signals.map(({ topic, userId, json }, i) => {
			return { id: BigInt(i), topic, userId, frame: this.#encoder.signal(topic, json) };
		});
		const { shared, own } = divide(batch, this.#groups);
		const hand = ({ chunks }: Portion, attached: Attached) => {
			if (this.#isNext(attached)) attached.member.signal(chunks);
		};
		for (const [userId, portions] of own) {
			for (const attached of this.#groups.ofUser(userId)) {
				const portion = portions.get(attached.group);
				if (portion) hand(portion, attached);
			}
		}
		for (const [group, portion] of shared) {
			for (const attached of group.attached) hand(portion, attached);
		}
	}

	#sendBack(trimmed: readonly string[], before: bigint): void {
		for (const name of trimmed) {
			for (const group of this.#groups.topic(name)?.groups ?? []) {
				for (const attached of group.attached) {
					if (this.#isNext(attached)) attached.member.goBack(before);
				}
			}
		}
	}

	#hand(portion: Portion, attached: Attached, before: bigint): void {
		if (this.#isNext(attached)) attached.member.deliver(portion.chunks, before);
	}

	/**
	 * Returns true once per batch and member, and never for a member that attached during the batch: its position is behind
	 * it. Therefore the sets of members can change while they are walked through.
	 */
	#isNext(attached: Attached): boolean {
		if (attached.batch === this.#batch) return false;
		attached.batch = this.#batch;
		return true;
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
		this.#groups.attach(member, this.#batch);
	}

	/** The subscriber gets nothing more, also of a batch that is being handed over. */
	detach(member: Member): void {
		this.#groups.detach(member);
	}

	/**
	 * Calls the watcher when a batch changes the access of its user, or has a topic of one of its scopes: before anybody gets
	 * the batch, and after {@link tail} has moved. A subscriber that it detaches does not get the batch.
	 *
	 * @returns ends the watching
	 */
	watch(watcher: Watcher): () => void {
		return this.#watchers.add(watcher);
	}
}
