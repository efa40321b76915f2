import { CONTROL, maySee, type Gap } from '../../protocol/index.ts';
import { PageSize, Turn } from '../log/page-size.ts';
import type { Hub, Member } from './hub.ts';
import { join, WRITE_BYTES, type Chunk, type Encoder, type Sink } from './sink.ts';
import type { OldestReader, PageReader, SubscriberLimits, Subscription } from './subscription.ts';
import type { Framed } from './window.ts';

/** Size of a page from SQL: about two writes. Each page adapts the number of rows of the next one. */
const PAGE = { first: 256, least: 16, most: 2048, bytes: 2 * WRITE_BYTES, turn: new Turn() };

/**
 * One connection: a position that moves through the log. It is *catching up* (it reads history and waits for the socket) or
 * *live* (the hub hands it each batch). A live subscriber with a slow socket goes back to catching up from its position. So
 * the log is its buffer.
 */
export class Subscriber implements Member {
	readonly userId: string;
	readonly topics: readonly string[];
	readonly #hub: Hub;
	readonly #read: PageReader;
	readonly #oldest: OldestReader;
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
	readonly #size = new PageSize(PAGE);
	/** Per topic: the horizon that the client was told of, or does not need to be told of. */
	#told: Map<string, bigint> | null = null;
	/** Null after the first page. */
	#newTopics: readonly string[] | null;

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
		this.#oldest = parts.oldest;
		this.#encoder = parts.encoder;
		this.#sink = parts.sink;
		this.#limits = parts.limits;
		this.#subscription = subscription;
		this.#newTopics = subscription.newTopics ?? null;
		this.#told = subscription.told?.size ? new Map(subscription.told) : null;
		this.#cursor = this.#position = subscription.cursor;
		this.userId = subscription.userId;
		this.topics = subscription.starts.map((start) => start.topic).sort();
	}

	get state(): 'catching-up' | 'live' | 'ended' {
		return this.#state;
	}

	/**
	 * Delivers every owed event and then goes live. Resolves when it is live or has ended.
	 *
	 * @throws any final error of the reader; the subscriber has ended then
	 */
	async run(): Promise<void> {
		const first = this.#subscription;
		try {
			if (first) {
				for (const gap of first.gaps ?? [])
					this.#sink.write(this.#encoder.control(CONTROL.gap, gap));
				await this.#hub.reached(first.atLeast, this.#signal());
			}
			let starts = first?.starts ?? this.#from(this.#position);
			while (this.#state === 'catching-up') {
				const to = this.#hub.tail;
				await this.#replay(starts, to, first?.cursor ?? 0n);
				if (this.#over()) return;
				this.#position = to;
				this.#cursor = later(this.#cursor, to);
				starts = this.#from(to);
				if (this.#hub.tail === to) {
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

	goBack(before: bigint): void {
		// The client may have received the trimmed event already. Then its cursor is beyond it, and nothing is missing.
		this.#catchUp(later(before, this.#cursor));
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

	#from(position: bigint): { topic: string; after: bigint }[] {
		return this.topics.map((topic) => ({ topic, after: position }));
	}

	#announce(subscription: Subscription, position: bigint): void {
		this.#subscription = null;
		const topics = subscription.starts.map((start) => start.topic);
		this.#sink.write(
			this.#encoder.control(
				CONTROL.caughtUp,
				{ topics, cursor: position.toString(), log: subscription.log, user: this.userId },
				position
			)
		);
	}

	/** Writes every event owed after `starts` up to `to`. Waits for the socket between pages. */
	async #replay(
		starts: readonly { topic: string; after: bigint }[],
		to: bigint,
		restore: bigint
	): Promise<void> {
		const after = new Map(starts.map((start) => [start.topic, start.after]));
		let done = starts.reduce((least, start) => (start.after < least ? start.after : least), to);
		while (done < to) {
			await this.#sink.drained();
			if (this.#sink.ended) this.end();
			if (this.#over()) return;
			const page = await this.#page(after, done, to);
			if (this.#over()) return;
			if (page.events.length > 0) {
				for (const { bytes } of join(this.#withCursor(page.events, restore)))
					this.#sink.write(bytes);
				this.#cursor = later(this.#cursor, page.events[page.events.length - 1]!.id);
			}
			done = page.upTo;
		}
	}

	async #page(
		after: ReadonlyMap<string, bigint>,
		done: bigint,
		to: bigint
	): Promise<{ events: Framed[]; upTo: bigint }> {
		const owed = (event: Framed) => {
			const start = after.get(event.topic);
			return start !== undefined && event.id > start && maySee(this.userId, event);
		};
		const newTopics = this.#newTopics;
		this.#newTopics = null;
		const recent = this.#hub.window.read(done, to, owed, WRITE_BYTES);
		if (recent) return recent;
		const starts = [...after].map(([topic, start]) => ({ topic, after: later(start, done) }));
		const wanted = starts.filter((start) => start.after < to);
		const { userId } = this;
		const signal = this.#signal();
		const size = this.#size;
		const page = await this.#read({ userId, starts: wanted, to, size, signal });
		await this.#tellGaps(wanted, page.horizons, newTopics);
		return {
			events: page.events.map((event) => this.#hub.frame(event)),
			upTo: page.more && page.last !== null ? page.last : to
		};
	}

	/**
	 * Sends `gap` for each topic that has lost events which the client needs.
	 *
	 * A topic that continues from a cursor below its horizon has lost events: the client gets a `gap`. A topic that begins
	 * with this request has lost nothing by earlier trimming: its history is what was kept.
	 */
	async #tellGaps(
		starts: readonly { topic: string; after: bigint }[],
		horizons: ReadonlyMap<string, bigint>,
		newTopics: readonly string[] | null
	): Promise<void> {
		for (const { topic, after } of starts) {
			const horizon = horizons.get(topic) ?? 0n;
			if (after >= horizon || horizon <= (this.#told?.get(topic) ?? 0n)) continue;
			(this.#told ??= new Map()).set(topic, horizon);
			if (newTopics?.includes(topic)) continue;
			const oldest = await this.#oldest({ userId: this.userId, topic, after, horizon });
			const gap: Gap = { topic, after: after.toString(), oldest: oldest?.toString() ?? null };
			this.#sink.write(this.#encoder.control(CONTROL.gap, gap));
		}
	}

	/**
	 * An old event of a new topic must not move the client's cursor back. A bare id after the event sets the cursor again.
	 */
	*#withCursor(
		events: readonly Framed[],
		restore: bigint
	): Iterable<{ id: bigint; frame: Uint8Array }> {
		for (const event of events) {
			yield event;
			if (event.id <= restore) yield { id: event.id, frame: this.#encoder.cursor(restore) };
		}
	}
}

const later = (a: bigint, b: bigint): bigint => (a > b ? a : b);
