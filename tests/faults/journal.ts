import type { CaughtUp, Gap } from '../../src/lib/protocol/index.ts';

/** A `gap` that a reader received. */
export interface ToldGap {
	after: number;
	/** null: trimmed, not lost by a failover. */
	lost: number | null;
	/** Milliseconds since 1970. */
	at: number;
	/** How many events of the topic it had received before. */
	place: number;
}

/**
 * What one subscription of a reader handed to its handler. A subscription is a topic from when it was added until it was
 * removed.
 */
export interface Track {
	readonly topic: string;
	/** It began with a page that shows every event up to this id. null: it began with its history. */
	readonly shownUpTo: number | null;
	/** In the order in which the handler received them. */
	readonly ids: number[];
	readonly tags: string[];
	readonly gaps: ToldGap[];
	/** Connections that began with a cursor below the ids received: they broke off inside old history. */
	readonly setBack: { cursor: number; place: number }[];
	/**
	 * Number of events it had received when a connection began with which its history starts anew: before it was first caught
	 * up, or at a cursor from before the subscription, to which a failover with loss has set it back.
	 */
	readonly restarts: number[];
	/**
	 * Cursor of its first `caught-up`. The subscription's own position is not after it. Infinity: it was not caught up yet.
	 */
	caughtUp: number;
	/** When the server is first known to have served the subscription, in milliseconds since 1970. */
	servedAt: number | null;
	/**
	 * True while it is subscribed: then every event up to the end of the log is owed, otherwise up to the last one received.
	 */
	open: boolean;
}

/** What a reader received and did. It only checks what can only be checked at once. */
export class Journal {
	readonly name: string;
	readonly userId: string;
	readonly tracks: Track[] = [];
	/** False messages to the reader, for example `signed-out` or a refusal. */
	readonly falseAlarms: string[] = [];
	/** Cases in which old history moved a client's cursor back and left it there. */
	readonly cursorsMovedBack: string[] = [];
	/** Cases of an event after a later one of its topic, within one connection. */
	readonly disorder: string[] = [];
	/** True for a client that uses the last id of the wire as its cursor. Old history can move such a cursor back. */
	mayGoBack = false;
	connections = 0;
	/** When it last received `caught-up`, in milliseconds of `performance.now()`. */
	caughtUpAt = -Infinity;
	readonly #current = new Map<string, Track>();

	constructor(name: string, userId: string) {
		this.name = name;
		this.userId = userId;
	}

	get delivered(): number {
		return this.tracks.reduce((sum, track) => sum + track.ids.length, 0);
	}

	get gaps(): number {
		return this.tracks.reduce((sum, track) => sum + track.gaps.length, 0);
	}

	/**
	 * A subscription begins.
	 *
	 * @param shownUpTo cursor of the page that it begins with; null: none
	 */
	open(topic: string, shownUpTo: number | null = null): void {
		this.close(topic);
		const track = {
			topic,
			shownUpTo,
			ids: [],
			tags: [],
			gaps: [],
			setBack: [],
			restarts: [],
			caughtUp: Infinity,
			servedAt: null,
			open: true
		};
		this.tracks.push(track);
		this.#current.set(topic, track);
	}

	/** A subscription ends. */
	close(topic: string): void {
		const track = this.#current.get(topic);
		if (track) track.open = false;
		this.#current.delete(topic);
	}

	closeAll(): void {
		for (const topic of [...this.#current.keys()]) this.close(topic);
	}

	/** It received `caught-up` for these topics. */
	caughtUp({ topics, cursor }: Pick<CaughtUp, 'topics' | 'cursor'>): void {
		this.caughtUpAt = performance.now();
		for (const topic of topics) {
			this.#served(topic);
			const track = this.#current.get(topic);
			if (track) track.caughtUp = Math.min(track.caughtUp, Number(cursor));
		}
	}

	/** It received a `gap`. */
	told(gap: Gap): void {
		const track = this.#current.get(gap.topic);
		if (!track) {
			this.falseAlarms.push(`a gap of "${gap.topic}", which is not subscribed to`);
			return;
		}
		track.gaps.push({
			after: Number(gap.after),
			lost: gap.lost === undefined ? null : Number(gap.lost),
			at: Date.now(),
			place: track.ids.length
		});
	}

	/** A connection begins with this cursor. */
	connects(cursor: number): void {
		this.connections++;
		for (const { ids, setBack, restarts, caughtUp } of this.#current.values()) {
			if (cursor < (ids.at(-1) ?? 0)) setBack.push({ cursor, place: ids.length });
			if (cursor < caughtUp) restarts.push(ids.length);
		}
	}

	/** An event arrived with this data as text. */
	received(topic: string, id: string, text: string): void {
		try {
			this.saw(topic, id, JSON.parse(text));
		} catch (error) {
			this.falseAlarms.push(`${topic} ${id} is not JSON: ${String(error)}`);
		}
	}

	/** The handler of a topic was called. */
	saw(topic: string, id: string, data: unknown): void {
		const track = this.#current.get(topic);
		if (!track) {
			this.falseAlarms.push(`an event of "${topic}", which is not subscribed to`);
			return;
		}
		this.#served(topic);
		track.ids.push(Number(id));
		track.tags.push((data as { tag?: string } | null)?.tag ?? '');
	}

	/** @returns true when the handlers have received this event in the current subscription */
	hasSeen(topic: string, tag: string): boolean {
		return this.#current.get(topic)?.tags.includes(tag) ?? false;
	}

	/** The subscribed topics. */
	get topics(): string[] {
		return [...this.#current.keys()];
	}

	#served(topic: string): void {
		const track = this.#current.get(topic);
		if (track) track.servedAt ??= Date.now();
	}
}
