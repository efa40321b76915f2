import type { Inspected } from '../client/index.ts';
import { CONTROL } from '../protocol/index.ts';

/** An event as it arrived. */
export interface Frame {
	/** Counts the frames of the recorder. */
	n: number;
	/** Milliseconds since 1970. */
	at: number;
	name: string;
	/** Id of the last event with one; '': there was none yet. */
	id: string;
	/** At most 2,000 characters of its data. */
	text: string;
	/** `control`: of the protocol. `handled`: its handler was called. `known`: it was handled before, and dropped. */
	kind: 'control' | 'handled' | 'known';
}

/** A time in which the connection was in one state. `waiting`: the next attempt is scheduled. */
export interface Span {
	from: number;
	/** null: until now. */
	to: number | null;
	state: 'connecting' | 'waiting' | 'connected' | 'error' | 'idle';
}

/** How far a topic has come. */
export interface TopicCursor {
	topic: string;
	/** Id of the last event that was handled; '' for signals. */
	id: string;
	/** Events that were handled since the recorder began. */
	handled: number;
	/** Events that had been handled before, and were dropped. */
	known: number;
}

/** A `gap` that the server has told. */
export interface RecordedGap {
	at: number;
	/** Data of the event. */
	text: string;
}

const MAX_TEXT = 2000;
const MAX_SPANS = 100;
const MAX_GAPS = 20;
const MAX_TOPICS = 200;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Returns the beginning of a text. It is copied, because a slice keeps the whole text in memory. */
const beginning = (text: string): string =>
	text.length <= MAX_TEXT ? text : decoder.decode(encoder.encode(text.slice(0, MAX_TEXT)));

const CONTROL_NAMES: ReadonlySet<string> = new Set(Object.values(CONTROL));

/**
 * Records what an {@link SSEClient} does, bounded, for {@link Inspector}:
 *
 * ```ts
 * const recorder = new Recorder();
 * const stream = new SSEClient('/api/events', { topics, inspect: recorder.record });
 * ```
 *
 * Its lists are reactive.
 */
export class Recorder {
	readonly #most: number;
	readonly #frames: Frame[] = [];
	readonly #spans: Span[] = [];
	readonly #topics = new Map<string, TopicCursor>();
	readonly #gaps: RecordedGap[] = [];
	#count = 0;
	#attempts = 0;
	#retryAt: number | null = null;
	#suspect = false;
	/** All of it is read through this, so that an event costs the same however much is recorded. */
	#version = $state(0);
	/** The version is never read to count it up: an effect that tells the client something must not depend on each step. */
	#steps = 0;

	/** @param options.frames how many events are kept: the newest. Default: 200 */
	constructor(options: { frames?: number } = {}) {
		this.#most = options.frames ?? 200;
	}

	/**
	 * Takes a step of the client: its option `inspect`. May be detached from the object.
	 *
	 * @param at when it happened, in milliseconds since 1970. Default: now
	 */
	record = (step: Inspected, at: number = Date.now()): void => {
		if (step.type === 'frame') this.#frame(step, at);
		else if (step.type === 'handled') this.#handled(step.topic, step.id);
		else if (step.type === 'attempt') this.#attempts++;
		else {
			this.#retryAt = step.retryAt;
			this.#suspect = step.suspect;
			this.#enter(
				step.status === 'connecting' && step.retryAt !== null ? 'waiting' : step.status,
				at
			);
		}
		this.#version = ++this.#steps;
	};

	/** Newest first. */
	get frames(): readonly Frame[] {
		return this.#read(() => this.#frames.toReversed());
	}

	/** Oldest first. */
	get spans(): readonly Span[] {
		return this.#read(() => this.#spans.map((span) => ({ ...span })));
	}

	/** By name. */
	get topics(): readonly TopicCursor[] {
		return this.#read(() =>
			[...this.#topics.values()]
				.map((one) => ({ ...one }))
				.sort((a, b) => (a.topic < b.topic ? -1 : 1))
		);
	}

	/** Newest first. */
	get gaps(): readonly RecordedGap[] {
		return this.#read(() => this.#gaps.toReversed());
	}

	/** Connections that were begun. */
	get attempts(): number {
		return this.#read(() => this.#attempts);
	}

	/** When the next attempt is due, in milliseconds since 1970. null: none is scheduled. */
	get retryAt(): number | null {
		return this.#read(() => this.#retryAt);
	}

	/** The connection looks open, but a keep-alive is overdue. */
	get suspect(): boolean {
		return this.#read(() => this.#suspect);
	}

	/** Forgets the events. What is known of topics and connections stays. */
	clear = (): void => {
		this.#frames.length = 0;
		this.#gaps.length = 0;
		this.#version = ++this.#steps;
	};

	#read<T>(value: (version: number) => T): T {
		return value(this.#version);
	}

	#frame({ name, id, text }: { name: string; id: string; text: string }, at: number): void {
		const isControl = CONTROL_NAMES.has(name);
		const short = beginning(text);
		// Until its handler is called. That comes in the same turn, or never.
		const kind = isControl ? 'control' : 'known';
		this.#frames.push({ n: ++this.#count, at, name, id, text: short, kind });
		if (this.#frames.length > this.#most) this.#frames.shift();
		if (!isControl) this.#topic(name).known++;
		if (name !== CONTROL.gap) return;
		this.#gaps.push({ at, text: short });
		if (this.#gaps.length > MAX_GAPS) this.#gaps.shift();
	}

	#handled(topic: string, id: string): void {
		const last = this.#frames.at(-1);
		const cursor = this.#topic(topic);
		if (last?.name === topic) {
			last.kind = 'handled';
			cursor.known--;
		}
		cursor.handled++;
		cursor.id = id;
	}

	#topic(topic: string): TopicCursor {
		let found = this.#topics.get(topic);
		if (!found) {
			this.#topics.set(topic, (found = { topic, id: '', handled: 0, known: 0 }));
			for (const oldest of this.#topics.keys()) {
				if (this.#topics.size <= MAX_TOPICS) break;
				this.#topics.delete(oldest);
			}
		}
		return found;
	}

	#enter(state: Span['state'], at: number): void {
		const last = this.#spans.at(-1);
		if (last?.state === state) return;
		if (last) last.to = at;
		this.#spans.push({ from: at, to: null, state });
		if (this.#spans.length > MAX_SPANS) this.#spans.shift();
	}
}
