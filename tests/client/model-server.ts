import type { DrivenEventSource } from './driven-event-source.ts';
import type { ModelLog } from './model-log.ts';
import { isWildcard, readRequest, type Wanted } from './model-request.ts';
import { ModelStream, type Whims } from './model-stream.ts';

/**
 * A small model of the server, as documented: topics are safe from `since` on, new topics replay, and one scan in id order
 * serves both. Topics of rooms also need a grant, and are safe only from the grant on. It serves one client, block by block,
 * when the test says so.
 */
export class ModelServer {
	readonly whims: Whims = {
		places: Infinity,
		unknown: () => false,
		writesUnknown: false,
		pick: () => 0
	};
	/** `name@n` → since */
	readonly #rows = new Map<string, number>();
	#stream: ModelStream | null = null;

	constructor(readonly log: ModelLog) {}

	/** The request reaches the server, which records it and decides what it owes. */
	accept(source: DrivenEventSource): void {
		const { log, whims } = this;
		const { cursor: text, query } = source;
		const wanted = readRequest(source.topics);
		const isForeign =
			text !== null &&
			(Number(text) > log.head || (query.has('log') && query.get('log') !== String(log.epoch)));
		const cursor = text === null || isForeign ? null : Number(text);
		const hasRows = this.#rows.size > 0;
		const isRendered = ({ name, n }: Wanted) =>
			cursor !== null && !hasRows && n === 0 && !isWildcard(name);
		const isSafe = (one: Wanted) => {
			if (isRendered(one)) return true;
			const { key } = one;
			const since = this.#rows.get(key);
			return cursor !== null && since !== undefined && cursor >= since;
		};
		const safe = new Set(wanted.filter(isSafe).map(({ name }) => name));
		const known = wanted.filter(({ name }) => !whims.unknown(name));
		this.#record(whims.writesUnknown ? wanted : known, { cursor, isRendered });
		const foreign = isForeign ? text : null;
		const request = { cursor, wanted, safe, foreign };
		this.#stream = new ModelStream(log, source, request, { ...whims });
	}

	/** Delivers up to `count` owed blocks. */
	deliver(count: number): void {
		this.#stream?.deliver(count);
	}

	keepAlive(): void {
		this.#stream?.keepAlive();
	}

	/** The log goes back to an earlier state, like a restore from backup. */
	restore(head: number): void {
		this.log.restore(head);
		for (const [key, since] of this.#rows) if (since > head) this.#rows.delete(key);
		this.#stream = null;
	}

	/** A new subscription has a position in the log. For a rendered page, that of its first named topics is the start. */
	#record(
		wanted: readonly Wanted[],
		{ cursor, isRendered }: { cursor: number | null; isRendered: (one: Wanted) => boolean }
	): void {
		const missing = wanted.filter(({ key }) => !this.#rows.has(key));
		const isFromStart = (one: Wanted) => cursor === null || isRendered(one);
		if (!missing.every(isFromStart)) this.log.head += 1;
		for (const one of missing) this.#rows.set(one.key, isFromStart(one) ? 0 : this.log.head);
		for (const { name, n, key } of readRequest([...this.#rows.keys()])) {
			const newer = wanted.find((one) => one.name === name);
			if (newer ? n < newer.n : n === 0) this.#rows.delete(key);
		}
	}
}
