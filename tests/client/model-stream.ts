import type { DeniedReason } from '../../src/lib/protocol/index.ts';
import type { DrivenEventSource } from './driven-event-source.ts';
import { isRoom, type Entry, type ModelLog } from './model-log.ts';
import { ModelPresence } from './model-presence.ts';
import { fits, isWildcard, type Wanted } from './model-request.ts';

/** What a server does that its clients cannot know. */
export interface Whims {
	/** Largest number of topics that wildcards bring to a stream. */
	places: number;
	/** Topics that this server does not know: it has an older version. */
	unknown: (name: string) => boolean;
	/** It writes down subscriptions even of topics that it does not know. */
	writesUnknown: boolean;
	/** Returns a number in [0, n). It chooses between topics. */
	pick: (n: number) => number;
}

interface Block {
	name: string;
	/** '': the block has no id. */
	id: number | '';
	data: unknown;
}

/** How the server judges a request. */
export interface Judged {
	/** null: the client has none, or one of another log. */
	cursor: number | null;
	wanted: readonly Wanted[];
	/** Names for which the cursor is valid, as far as their subscriptions say. */
	safe: ReadonlySet<string>;
	/** The cursor, when it is of another log. */
	foreign: string | null;
}

/** A topic that a stream carries. */
interface Carried {
	/** Events after this id are owed. */
	start: number;
	/** The grant that opens the room. null: the topic needs none. */
	grant: number | null;
	/** The wildcard that brings the topic. null: it is named. */
	pattern: string | null;
}

/** One stream of the model server. */
export class ModelStream {
	readonly #log: ModelLog;
	readonly #source: DrivenEventSource;
	readonly #request: Judged;
	readonly #whims: Whims;
	readonly #wildcards: readonly string[];
	readonly #presence: ModelPresence;
	readonly #carried = new Map<string, Carried>();
	readonly #announced = new Set<string>();
	readonly #blocks: Generator<Block | null>;
	#hasBegun = false;
	/** The client's cursor, as this stream has moved it. */
	#cursor: number;

	constructor(log: ModelLog, source: DrivenEventSource, request: Judged, whims: Whims) {
		this.#log = log;
		this.#source = source;
		this.#request = request;
		this.#whims = whims;
		this.#presence = new ModelPresence(log.halls, source);
		this.#cursor = request.cursor ?? 0;
		const known = request.wanted.filter(({ name }) => !whims.unknown(name));
		this.#wildcards = known.map(({ name }) => name).filter(isWildcard);
		// What is decided at connect is decided now, in one snapshot of the log. The rest follows block by block.
		const first = [...this.#connect(known)];
		this.#blocks = this.#serve(first, log.head);
	}

	/** Delivers up to `count` blocks. */
	deliver(count: number): void {
		for (let i = 0; i < count; i++) {
			// The server may not know yet who is there.
			if (this.#whims.pick(2) === 0) this.#presence.tell();
			const block = this.#blocks.next().value as Block | null;
			if (!block) return;
			if (block.id !== '') this.#cursor = Math.max(this.#cursor, block.id);
			this.#source.emit(block.name, block.id, block.data);
			if (block.id !== '' && block.id < this.#cursor) this.#source.bare(this.#cursor);
		}
	}

	/** Carries the client's cursor, also while old history is sent. It is not sent between gaps. */
	keepAlive(): void {
		if (this.#hasBegun) this.#source.emit('keep-alive', this.#cursor, {});
	}

	/** Decides which topics are carried, and from where on. */
	*#connect(known: readonly Wanted[]): Generator<Block> {
		const { wanted, foreign } = this.#request;
		for (const { name } of foreign === null ? [] : wanted) {
			const oldest = isWildcard(name) ? null : (this.#log.ids(name)[0] ?? null);
			yield { name: 'gap', id: '', data: { topic: name, after: foreign, oldest } };
		}
		for (const { name } of wanted) {
			if (this.#whims.unknown(name)) yield denied(name, 'unknown');
		}
		for (const one of known) if (!isWildcard(one.name)) yield* this.#connectNamed(one);
		const brought = this.#log.rooms.filter((room) => !this.#isNamed(room) && this.#patternOf(room));
		// The client cannot know in which order.
		for (const room of shuffled(brought, this.#whims.pick)) yield* this.#connectBrought(room);
	}

	*#connectNamed({ name, last }: Wanted): Generator<Block> {
		const { cursor, safe } = this.#request;
		// The last event above the client's cursor belongs to another log.
		const known = cursor !== null && last <= cursor ? last : 0;
		if (!isRoom(name)) {
			const start = cursor !== null && safe.has(name) ? cursor : known;
			this.#carried.set(name, { start, grant: null, pattern: null });
			return;
		}
		const grant = this.#log.grantOf(name);
		const wasClosed = cursor !== null && this.#log.wasClosedAfter(name, cursor);
		if (grant === null) return yield denied(name, wasClosed ? 'revoked' : 'forbidden');
		const isSafe = cursor !== null && safe.has(name) && cursor >= grant;
		if (wasClosed) yield denied(name, 'revoked');
		this.#carried.set(name, {
			start: isSafe ? cursor : wasClosed ? 0 : known,
			grant,
			pattern: null
		});
	}

	*#connectBrought(room: string): Generator<Block> {
		const { cursor, safe } = this.#request;
		if (cursor !== null && this.#log.wasClosedAfter(room, cursor)) yield denied(room, 'revoked');
		const grant = this.#log.grantOf(room);
		if (grant === null) return;
		if (this.#isFull) return yield denied(room, 'too_many');
		const pattern = this.#patternOf(room)!;
		const isSafe = cursor !== null && safe.has(pattern) && cursor >= grant;
		this.#carried.set(room, { start: isSafe ? cursor : 0, grant, pattern });
	}

	/** @param snapshot grants up to this id were read at connect */
	*#serve(first: readonly Block[], snapshot: number): Generator<Block | null> {
		yield* first;
		this.#hasBegun = true;
		let position = 0;
		let isCaughtUp = false;
		for (;;) {
			// After a restore, the log may be shorter than it was.
			const entry = this.#log.entries.find(({ id }) => id > position);
			if (entry) {
				position = entry.id;
				if (entry.kind === 'event') yield* this.#send(entry);
				else if (entry.id > snapshot) yield* this.#apply(entry);
			} else if (!isCaughtUp) {
				isCaughtUp = true;
				const { head: id, epoch } = this.#log;
				const topics = [...this.#carried.keys()];
				const data = { topics, cursor: String(id), log: String(epoch), user: 'u' };
				yield { name: 'caught-up', id, data };
			} else {
				this.#cursor = Math.max(this.#cursor, this.#log.head);
				yield null;
			}
		}
	}

	/** A grant of the user is opened or closed, and the stream has reached this place of the log. */
	*#apply({ id, kind, topic }: Entry): Generator<Block> {
		const pattern = this.#isNamed(topic) ? null : this.#patternOf(topic);
		if (pattern === undefined) return;
		if (kind === 'revoked') {
			this.#carried.delete(topic);
			this.#announced.delete(topic);
			yield denied(topic, 'revoked');
		} else if (pattern !== null && this.#isFull) {
			yield denied(topic, 'too_many');
		} else {
			this.#carried.set(topic, { start: 0, grant: id, pattern });
			const older = this.#log.entries.filter((entry) => entry.id < id && entry.kind === 'event');
			for (const entry of older) yield* this.#send(entry);
			this.#carried.set(topic, { start: id, grant: id, pattern });
		}
	}

	*#send({ id, topic }: Entry): Generator<Block> {
		const carried = this.#carried.get(topic);
		if (!carried || id <= carried.start) return;
		// A revoke ends the topic at once, also where this stream is behind.
		if (carried.grant !== this.#log.grantOf(topic)) return;
		if (carried.pattern !== null && !this.#announced.has(topic)) {
			this.#announced.add(topic);
			yield { name: 'subscribed', id: '', data: { topic, pattern: carried.pattern } };
		}
		yield { name: topic, id, data: {} };
	}

	get #isFull(): boolean {
		const brought = [...this.#carried.values()].filter(({ pattern }) => pattern !== null);
		return brought.length >= this.#whims.places;
	}

	#isNamed(topic: string): boolean {
		return this.#request.wanted.some(({ name }) => name === topic && !this.#whims.unknown(name));
	}

	/** Returns the wildcard that brings the topic: the first in the request. */
	#patternOf(topic: string): string | undefined {
		return this.#wildcards.find((wildcard) => fits(wildcard, topic));
	}
}

const denied = (topic: string, reason: DeniedReason): Block => ({
	name: 'denied',
	id: '',
	data: { topic, reason }
});

function shuffled<T>(all: readonly T[], pick: (n: number) => number): T[] {
	const rest = [...all];
	return all.map(() => rest.splice(pick(rest.length), 1)[0]!);
}
