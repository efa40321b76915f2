import { CONTROL, type Gap } from '$lib/protocol';
import type { LogEvent } from '../log/types.ts';
import { maySee, type Hub, type Member } from './hub.ts';
import { concat, type Encoder, type Sink } from './sink.ts';
import type { Framed } from './window.ts';

/** Reads what a user may see, from the log. Errors are the reader's to retry: it rejects only for good. */
export type PageReader = (query: {
	userId: string;
	starts: readonly { topic: string; after: bigint }[];
	to: bigint;
	limit: number;
	signal: AbortSignal;
}) => Promise<{
	events: LogEvent[];
	/** How far topics had been trimmed for the user when the events had been read. */
	horizons: ReadonlyMap<string, bigint>;
}>;

/** The oldest event of a topic that is still there for the user. */
export type OldestReader = (query: { userId: string; topic: string }) => Promise<bigint | null>;

/** What a subscriber is to deliver. */
export interface Subscription {
	userId: string;
	/** Where each topic begins: everything after `after` is owed. */
	starts: readonly { topic: string; after: bigint }[];
	/** The client's cursor; 0: it has none. */
	cursor: bigint;
	/** Replay goes at least this far before the client is told that it has caught up. */
	atLeast: bigint;
	/** Topics whose history the client has not had: what of it is gone is nothing it lacks. */
	newTopics?: readonly string[];
	/** Told before the topic's history. */
	gaps?: readonly Gap[];
	/** Epoch, told in `caught-up`. */
	log: string;
}

/** Bounds; bytes. */
export interface SubscriberLimits {
	/** Unsent bytes at which a live subscriber goes back to reading from the log. */
	bufferBytes: number;
}

/** Bytes of one write of a replay, about. */
const PAGE_BYTES = 131_072;
/** Rows of one page from SQL: as many as make a write, learned from the page before. */
const ROWS = { first: 256, least: 16, most: 2048 };

/**
 * One connection: a position that moves through the log. It is *catching up* (reading history, waiting for the socket) or
 * *live* (the hub hands it each batch). A live one whose socket is slow goes back to catching up from its position: the
 * log is its buffer.
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
	/** Ends the waiting of a subscriber that is catching up; a live one waits for nothing. */
	#abort: AbortController | null = null;
	#subscription: Subscription | null;
	#state: 'catching-up' | 'live' | 'ended' = 'catching-up';
	/** While catching up: everything of its topics up to here has been handed to the socket. */
	#position: bigint;
	/** What the client's cursor is once it has received what was written. */
	#cursor: bigint;
	#rows = ROWS.first;
	/** Horizons the client has been told of, or need not be. */
	#told: Map<string, bigint> | null = null;
	/** Until the first page. */
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
		this.#cursor = this.#position = subscription.cursor;
		this.userId = subscription.userId;
		this.topics = subscription.starts.map((start) => start.topic).sort();
	}

	get state(): 'catching-up' | 'live' | 'ended' {
		return this.#state;
	}

	/**
	 * Delivers everything owed and then goes live. Resolves when it is live or has ended.
	 *
	 * @throws whatever the reader throws for good; the subscriber has ended then
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
					if (this.#subscription) this.#announce(this.#subscription, to);
				}
			}
		} catch (error) {
			this.end();
			throw error;
		}
	}

	deliver(chunk: Uint8Array, before: bigint): void {
		if (this.#sink.backlog > this.#limits.bufferBytes) {
			this.#hub.detach(this);
			this.#state = 'catching-up';
			this.#position = before;
			this.#cursor = later(this.#cursor, before);
			void this.run().catch((error: unknown) => this.onFailure(error));
			return;
		}
		this.#sink.write(chunk);
	}

	/** Called when catching up fails for good after the subscriber had been live. Set by the owner. */
	onFailure: (error: unknown) => void = () => {};

	/** Writes a keep-alive that carries the position. */
	keepAlive(): void {
		// A socket that takes nothing needs no proof of life, and must not be fed without bound.
		if (this.#state === 'ended' || this.#sink.backlog > this.#limits.bufferBytes) return;
		this.#sink.write(
			this.#encoder.keepAlive(this.#state === 'live' ? this.#hub.tail : this.#cursor)
		);
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

	/** A call, because the compiler does not expect the state to change while we wait. */
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

	/** Writes everything owed after `starts` up to `to`, at the pace of the socket. */
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
				this.#sink.write(concat(this.#withCursor(page.events, restore)));
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
		const recent = this.#hub.window.read(done, to, owed, PAGE_BYTES);
		if (recent) return recent;
		const starts = [...after].map(([topic, start]) => ({ topic, after: later(start, done) }));
		const limit = this.#rows;
		const wanted = starts.filter((start) => start.after < to);
		const { userId } = this;
		const signal = this.#signal();
		const { events, horizons } = await this.#read({ userId, starts: wanted, to, limit, signal });
		await this.#tellGaps(wanted, horizons, newTopics);
		const framed = events.map((event) => this.#hub.frame(event));
		const bytes = framed.reduce((sum, event) => sum + event.frame.byteLength, 0);
		this.#rows = fit(limit, bytes);
		const last = events[events.length - 1];
		return { events: framed, upTo: events.length < limit || !last ? to : last.id };
	}

	/**
	 * A topic that continues below its horizon lacks something. One that begins does not, as far as it had been trimmed before:
	 * its history is what is kept.
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
			const oldest = await this.#oldest({ userId: this.userId, topic });
			const gap: Gap = { topic, after: after.toString(), oldest: oldest?.toString() ?? null };
			this.#sink.write(this.#encoder.control(CONTROL.gap, gap));
		}
	}

	/** An old event of a new topic must not move the client's cursor back: a bare id after it sets it again. */
	#withCursor(events: readonly Framed[], restore: bigint): Uint8Array[] {
		const chunks: Uint8Array[] = [];
		for (const event of events) {
			chunks.push(event.frame);
			if (event.id <= restore) chunks.push(this.#encoder.cursor(restore));
		}
		return chunks;
	}
}

/** Rows for the next page, so that it makes about one write. */
function fit(rows: number, bytes: number): number {
	if (bytes > 2 * PAGE_BYTES) return Math.max(ROWS.least, rows >> 1);
	return bytes < PAGE_BYTES / 2 ? Math.min(ROWS.most, rows * 2) : rows;
}

const later = (a: bigint, b: bigint): bigint => (a > b ? a : b);
