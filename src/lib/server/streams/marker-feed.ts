import { CONTROL, type ReadMarker, type TopicRegistry, type Viewer } from '../../protocol/index.ts';
import type { Queryable } from '../database/queryable.ts';
import type { Subscriber } from '../delivery/subscriber.ts';
import { readMarkers, type MarkerAsked } from '../log/read-markers.ts';
import type { Logger } from '../work/logger.ts';
import { startLoop, type Loop } from '../work/loop.ts';
import { END, readCarried } from './carried.ts';

/** Markers of one statement. A stream with more topics has a statement of its own. */
const AT_ONCE = 500;

/** How long a stream may stay too slow before it is tried again, in milliseconds. */
const SLOW_MS = 1000;

/** A stream, and the topics of which it must be told how far they are read. */
interface Reader {
	readonly viewer: Viewer;
	readonly subscriber: Pick<Subscriber, 'topics' | 'carries' | 'say'>;
	/** null: all its topics. */
	due: Set<string> | null;
}

/** What the feed needs. */
interface MarkerParts {
	topics: TopicRegistry;
	/** Reads grants. */
	pool: Queryable;
	/** Reads markers. */
	history: Queryable;
	logger: Logger;
}

/**
 * Tells the streams of this process how far their users have read, and when a marker moves. What is told is the state, so
 * it is read when it is told: ten moves may be told as one, and nothing waits but the names of topics.
 */
export class MarkerFeed {
	readonly name = 'markers';
	readonly #parts: MarkerParts;
	readonly #byUser = new Map<string, Set<Reader>>();
	/** In the order in which they are told. */
	readonly #waiting = new Set<Reader>();
	#loop: Loop | null = null;

	/** Moves heard of, of all users: when it has changed, what was read before may be out of date. */
	#moves = 0;

	constructor(parts: MarkerParts) {
		this.#parts = parts;
	}

	get moves(): number {
		return this.#moves;
	}

	/** True when markers could not be told in the last round. */
	get failing(): boolean {
		return this.#loop?.failing ?? false;
	}

	start(): void {
		const { logger } = this.#parts;
		this.#loop = startLoop({
			name: this.name,
			logger,
			round: () => this.#tell()
		});
	}

	async stop(): Promise<void> {
		await this.#loop?.stop();
	}

	/**
	 * Tells a stream the markers of all its topics, and from now on each move.
	 *
	 * @param asked.hasMarkers false: the user has none, so nothing is read
	 * @returns a function that ends it
	 */
	add(
		{ viewer, hasMarkers = true }: { viewer: Viewer; hasMarkers?: boolean },
		subscriber: Subscriber
	): () => void {
		const reader: Reader = { viewer, subscriber, due: new Set() };
		const { id } = viewer;
		const others = this.#byUser.get(id);
		if (others) others.add(reader);
		else this.#byUser.set(id, new Set([reader]));
		subscriber.onBegun = (topics) => this.#need(reader, topics);
		if (hasMarkers) this.#need(reader, null);
		return () => {
			this.#waiting.delete(reader);
			const mine = this.#byUser.get(id);
			mine?.delete(reader);
			if (mine?.size === 0) this.#byUser.delete(id);
		};
	}

	/** A marker has moved, as the database tells it: `["user","topic","id"]`, or empty after many moves. */
	moved(payload: string): void {
		this.#moves++;
		if (payload === '') return this.readAgain();
		const [userId, topic] = JSON.parse(payload) as [string, string, string];
		for (const reader of this.#byUser.get(userId) ?? []) {
			if (reader.subscriber.carries(topic)) this.#need(reader, [topic]);
		}
	}

	/** Tells all streams all markers again, after moves may have been missed. */
	readAgain(): void {
		this.#moves++;
		for (const readers of this.#byUser.values()) {
			for (const reader of readers) this.#need(reader, null);
		}
	}

	/** @param topics null: all */
	#need(reader: Reader, topics: readonly string[] | null): void {
		if (topics === null) reader.due = null;
		else for (const topic of topics) reader.due?.add(topic);
		this.#waiting.add(reader);
		this.#loop?.wake();
	}

	async #tell(): Promise<number> {
		let slow = false;
		const failures: unknown[] = [];
		// What becomes due during the round is told in it, or wakes the next one.
		for (const rest = [...this.#waiting]; rest.length > 0;) {
			const batch = new Map<Reader, MarkerAsked[]>();
			for (let asked = 0; asked < AT_ONCE && rest.length > 0;) {
				const reader = rest.shift()!;
				if (!this.#waiting.delete(reader)) continue;
				const wanted = reader.due === null ? reader.subscriber.topics : [...reader.due];
				reader.due = new Set();
				try {
					const visible = await this.#visible(reader, wanted);
					batch.set(reader, visible);
					asked += visible.length;
				} catch (error) {
					// Grants of one user that cannot be read concern nobody else.
					failures.push(error);
					this.#need(reader, wanted);
				}
			}
			try {
				slow = (await this.#tellBatch(batch)) || slow;
			} catch (error) {
				failures.push(error);
				for (const [reader, asked] of batch) {
					const topics = asked.map(({ topic }) => topic);
					this.#need(reader, topics);
				}
			}
		}
		if (failures.length > 0) throw new Error('Markers cannot be read', { cause: failures[0] });
		return slow ? SLOW_MS : Infinity;
	}

	/** @returns true when a stream was too slow */
	async #tellBatch(batch: ReadonlyMap<Reader, readonly MarkerAsked[]>): Promise<boolean> {
		const unique = new Map<string, MarkerAsked>();
		for (const asked of batch.values()) {
			for (const each of asked) unique.set(keyOf(each), each);
		}
		const rows = await readMarkers(this.#parts.history, [...unique.values()], { marked: true });
		const found = new Map(rows.map((row) => [keyOf(row), row]));
		let slow = false;
		for (const [reader, asked] of batch) {
			for (const each of asked) {
				const row = found.get(keyOf(each));
				// Its grant may have ended since it was read.
				if (!row || !reader.subscriber.carries(each.topic)) continue;
				const { topic, id, unread } = row;
				const marker: ReadMarker = { topic, id: id.toString(), unread };
				if (!reader.subscriber.say(CONTROL.read, marker)) {
					slow = true;
					reader.due?.add(topic);
				}
			}
			if (reader.due?.size !== 0 && this.#isOpen(reader)) this.#waiting.add(reader);
		}
		return slow;
	}

	/** Returns those of the topics that the viewer may see now, and from where on. */
	async #visible({ viewer }: Reader, wanted: readonly string[]): Promise<MarkerAsked[]> {
		const { topics } = this.#parts;
		const granted = wanted.filter((topic) => topics.get(topic)?.access === 'granted');
		const carried =
			granted.length > 0
				? (await readCarried(this.#parts, viewer, granted, END, { waits: false })).topics
				: null;
		const floorOf = (topic: string) =>
			topics.get(topic)?.access === 'granted' ? carried?.get(topic)?.floor : 0n;
		return wanted.flatMap((topic) => {
			const floor = floorOf(topic);
			return floor === undefined ? [] : [{ userId: viewer.id, topic, floor }];
		});
	}

	#isOpen(reader: Reader): boolean {
		return this.#byUser.get(reader.viewer.id)?.has(reader) ?? false;
	}
}

const keyOf = ({ userId, topic }: { userId: string; topic: string }) => `${topic} ${userId}`;
