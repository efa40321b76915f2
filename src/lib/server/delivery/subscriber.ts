import { CONTROL, maySee } from '../../protocol/index.ts';
import { PageSize, Turn } from '../log/page-size.ts';
import { withEnds } from './ended.ts';
import { Gaps } from './gaps.ts';
import type { Hub, Member } from './hub.ts';
import { OwedTopics } from './owed-topics.ts';
import { join, WRITE_BYTES, type Chunk, type Encoder, type Sink } from './sink.ts';
import type {
	ChangingTopics,
	OldestReader,
	PageReader,
	SubscriberLimits,
	Subscription
} from './subscription.ts';
import type { Framed } from './window.ts';

/** Size of a page from SQL: about two writes. Each page adapts the number of rows of the next one. */
const PAGE = { first: 256, least: 16, most: 2048, bytes: 2 * WRITE_BYTES, turn: new Turn() };

/** A client with more unsent bytes than this is slow, and gets no signals. Bytes. */
const SIGNAL_ROOM = 8192;

/**
 * One connection: a position that moves through the log. It is *catching up* (it reads history and waits for the socket) or
 * *live* (the hub hands it each batch). A live subscriber with a slow socket goes back to catching up from its position. So
 * the log is its buffer.
 */
export class Subscriber implements Member {
	readonly userId: string;
	readonly #changing: ChangingTopics | null;
	readonly #owed: OwedTopics;
	readonly #gaps: Gaps;
	readonly #hub: Hub;
	readonly #read: PageReader;
	readonly #encoder: Encoder;
	readonly #sink: Sink;
	readonly #limits: SubscriberLimits;
	/** Ends the waiting of a subscriber that is catching up. A live subscriber does not wait. */
	#abort: AbortController | null = null;
	#subscription: Subscription | null;
	#state: 'catching-up' | 'live' | 'ended' = 'catching-up';
	/** While catching up: every event of its topics up to this id has been handed to the socket. */
	#position: bigint;
	/** The cursor that the client will have when it has received everything that was written. */
	#cursor: bigint;
	/** The cursor that the client had when its newest topics began. Their older events must not move it back. */
	#restore: bigint;
	readonly #size = new PageSize(PAGE);

	constructor(
		parts: {
			hub: Hub;
			read: PageReader;
			oldest: OldestReader;
			encoder: Encoder;
			sink: Sink;
			limits: SubscriberLimits;
		},
		subscription: Subscription
	) {
		this.#hub = parts.hub;
		this.#read = parts.read;
		this.#gaps = new Gaps(parts.oldest, subscription);
		this.#encoder = parts.encoder;
		this.#sink = parts.sink;
		this.#limits = parts.limits;
		this.#subscription = subscription;
		this.#owed = new OwedTopics(subscription.starts);
		this.#cursor = this.#restore = subscription.cursor;
		this.#position = this.#owed.least ?? this.#cursor;
		this.userId = subscription.userId;
		this.#changing = subscription.changing ?? null;
		if (this.#changing) this.#changing.onChange = (before) => this.#mayChange(before);
	}

	/** The topics that it carries, sorted. */
	get topics(): readonly string[] {
		return this.#owed.names;
	}

	/** @returns true when it carries the topic */
	carries(topic: string): boolean {
		return this.#owed.has(topic);
	}

	/** Every event of its topics up to this id has been handed to the socket. */
	get position(): bigint {
		return this.#state === 'live' ? this.#hub.tail : this.#position;
	}

	get state(): 'catching-up' | 'live' | 'ended' {
		return this.#state;
	}

	/**
	 * False when the stream may know of events that the hub has not seen: a page or another server has shown them to the
	 * client, or its topics begin behind them or were granted by them.
	 */
	get isLevel(): boolean {
		const known = [this.#cursor, this.#owed.greatest, this.#changing?.position ?? 0n];
		return this.#state === 'live' && known.every((id) => id <= this.#hub.tail);
	}

	/**
	 * Delivers every owed event and then goes live. Resolves when it is live or has ended.
	 *
	 * @throws any final error of a reader; the subscriber has ended then
	 */
	async run(): Promise<void> {
		const first = this.#subscription;
		try {
			if (first) {
				this.#tell(CONTROL.denied, first.denied);
				this.#tell(CONTROL.subscribed, first.subscribed);
				this.#tell(CONTROL.ended, first.ended);
				this.#tell(CONTROL.gap, first.gaps);
				await this.#hub.reached(first.atLeast, this.#signal());
			}
			while (this.#state === 'catching-up') {
				// In this tick: an event that changes the topics is either told of already, or after `to`.
				const known = this.#changing?.knownUpTo ?? null;
				if (this.#changing && known !== null && known <= this.#position) {
					await this.#change(this.#changing);
					continue;
				}
				// What comes before a change is sent first: changes that keep coming must not keep everything back.
				const to = known ?? this.#hub.tail;
				if (!(await this.#replay(to))) continue;
				this.#position = to;
				this.#cursor = later(this.#cursor, to);
				if (known === null && this.#hub.tail === to) {
					this.#state = 'live';
					this.#abort = null;
					this.#hub.attach(this);
					if (this.#subscription) this.#announce(this.#subscription, this.#cursor);
				}
			}
		} catch (error) {
			this.end();
			throw error;
		}
	}

	deliver(chunks: readonly Chunk[], before: bigint): void {
		let position = before;
		for (const { bytes, upTo } of chunks) {
			if (this.#sink.backlog > this.#limits.bufferBytes) {
				this.#catchUp(position);
				return;
			}
			this.#sink.write(bytes);
			position = upTo;
		}
	}

	signal(chunks: readonly Chunk[]): void {
		for (const { bytes } of chunks) {
			if (this.#sink.backlog > SIGNAL_ROOM) return;
			this.#sink.write(bytes);
		}
	}

	goBack(before: bigint): void {
		// The client may have received the trimmed event already. Then its cursor is beyond it, and nothing is missing.
		this.#catchUp(later(before, this.#cursor));
	}

	/** An event after `before` may change the topics. While it catches up, it looks by itself before each page. */
	#mayChange(before: bigint): void {
		if (this.#state === 'live') this.#catchUp(before);
	}

	/**
	 * Goes on with other topics. A topic that is new begins with its history, before any event at or after its grant is sent:
	 * a client with a cursor at or after the grant has the history.
	 */
	async #change(changing: ChangingTopics): Promise<void> {
		const change = await changing.next(this.#signal());
		if (!change || this.#over()) return;
		for (const { topic } of change.denied) {
			this.#owed.drop(topic);
			this.#gaps.forget(topic);
		}
		this.#tell(CONTROL.denied, change.denied);
		this.#tell(CONTROL.subscribed, change.subscribed);
		this.#tell(CONTROL.ended, change.ended);
		if (change.begun.length > 0) {
			// What was done up to the position is done for the other topics only.
			this.#owed.begin(change.begun, this.#position);
			this.#gaps.begin(change.begun.map(({ topic }) => topic));
			this.#restore = this.#cursor;
			this.#position = this.#owed.least ?? this.#cursor;
			this.onBegun(change.begun.map(({ topic }) => topic));
		}
		await this.#hub.reached(change.atLeast, this.#signal());
	}

	#tell(name: string, all: readonly unknown[] = []): void {
		for (const data of all) this.#sink.write(this.#encoder.control(name, data));
	}

	#catchUp(position: bigint): void {
		this.#hub.detach(this);
		this.#state = 'catching-up';
		this.#position = position;
		this.#cursor = later(this.#cursor, position);
		void this.run().catch((error: unknown) => this.onFailure(error));
	}

	/** Called when catching up fails for good after the subscriber had been live. Set by the owner. */
	onFailure: (error: unknown) => void = () => {};

	/** Called when topics have begun while the stream was open. Set by the owner. */
	onBegun: (topics: readonly string[]) => void = () => {};

	/**
	 * Writes a control event that says how something is now.
	 *
	 * @returns false when the socket is too slow to take it: say it later, as it is then
	 */
	say(name: string, data: unknown): boolean {
		if (this.#state === 'ended') return true;
		if (this.#sink.backlog > this.#limits.bufferBytes) return false;
		this.#sink.write(this.#encoder.control(name, data));
		return true;
	}

	/** Writes a keep-alive with the current position. */
	keepAlive(): void {
		// A full socket needs no keep-alive, and the backlog must stay bounded.
		if (this.#state === 'ended' || this.#sink.backlog > this.#limits.bufferBytes) return;
		// The tail can be below the client's cursor when the newest events were deleted after the client received them.
		const reached = this.#state === 'live' ? later(this.#cursor, this.#hub.tail) : this.#cursor;
		this.#sink.write(this.#encoder.keepAlive(reached));
	}

	/** Writes a last control event and ends. */
	finish(name: string, data: unknown): void {
		if (this.#state === 'ended') return;
		this.#sink.write(this.#encoder.control(name, data));
		this.end();
	}

	/** Ends the connection and releases everything. Calling it again does nothing. */
	end(): void {
		if (this.#state === 'ended') return;
		if (this.#state === 'live') this.#hub.detach(this);
		this.#state = 'ended';
		this.#changing?.end();
		this.#abort?.abort();
		this.#sink.end();
	}

	/** A method, because the compiler assumes that the state does not change during an await. */
	#over(): boolean {
		return this.#state === 'ended';
	}

	#signal(): AbortSignal {
		return (this.#abort ??= new AbortController()).signal;
	}

	#announce(subscription: Subscription, position: bigint): void {
		this.#subscription = null;
		this.#sink.write(
			this.#encoder.control(
				CONTROL.caughtUp,
				{
					topics: this.topics,
					cursor: position.toString(),
					log: subscription.log,
					user: this.userId,
					...(subscription.signals?.length ? { signals: subscription.signals } : {})
				},
				position
			)
		);
	}

	/**
	 * Writes every event owed after the position up to `to`. Waits for the socket between pages.
	 *
	 * @returns false when it stopped earlier, because the subscriber has ended or its topics may have changed
	 */
	async #replay(to: bigint): Promise<boolean> {
		while (this.#position < to) {
			await this.#sink.drained();
			if (this.#sink.ended) this.end();
			if (this.#over()) return false;
			const page = await this.#page(to);
			// A topic whose grant has ended must not be sent any more, not even its earlier events.
			if (this.#over() || (this.#changing?.knownUpTo ?? to) < to) return false;
			if (page.events.length > 0) {
				for (const { bytes } of join(this.#withCursor(page.events))) this.#sink.write(bytes);
				this.#cursor = later(this.#cursor, page.events[page.events.length - 1]!.id);
			}
			this.#position = page.upTo;
		}
		return !this.#over();
	}

	async #page(to: bigint): Promise<{ events: Framed[]; upTo: bigint }> {
		const done = this.#position;
		const owed = (event: Framed) => this.#owed.include(event) && maySee(this.userId, event);
		const begun = this.#gaps.takeNew();
		const recent = this.#hub.window.read(done, to, owed, WRITE_BYTES);
		if (recent) return recent;
		const wanted = this.#owed.between(done, to);
		const { userId } = this;
		const signal = this.#signal();
		const size = this.#size;
		const page = await this.#read({ userId, starts: wanted, to, size, signal });
		for await (const gap of this.#gaps.find(wanted, page.horizons, begun)) {
			this.#tell(CONTROL.gap, [gap]);
		}
		const upTo = page.more && page.last !== null ? page.last : to;
		const events = page.events.map((event) => this.#hub.frame(event));
		return { events: withEnds(this.#encoder, events, wanted, page.ended, upTo), upTo };
	}

	/**
	 * An old event of a new topic must not move the client's cursor back. A bare id after the event sets the cursor again.
	 */
	*#withCursor(events: readonly Framed[]): Iterable<{ id: bigint; frame: Uint8Array }> {
		for (const event of events) {
			yield event;
			if (event.id <= this.#restore) {
				yield { id: event.id, frame: this.#encoder.cursor(this.#restore) };
			}
		}
	}
}

const later = (a: bigint, b: bigint): bigint => (a > b ? a : b);
