import {
	isWildcard,
	type Denied,
	type Pattern,
	type Subscribed,
	type Viewer
} from '../../protocol/index.ts';
import { readPersistently } from '../database/persist.ts';
import type { ChangingTopics, TopicChange } from '../delivery/subscription.ts';
import type { Watcher } from '../delivery/watchers.ts';
import { END, readCarried, type Carried } from './carried.ts';
import type { StreamParts } from './parts.ts';
import { endedBefore, placeBegun } from './starts.ts';

/**
 * The topics of one stream, as the viewer's grants change. It watches from before it first reads the grants until the stream
 * ends. So a change is either in what it has read, or it is told of before the batch with that change is delivered.
 */
export class GrantedTopics implements ChangingTopics, Watcher {
	readonly userId: string;
	readonly #parts: StreamParts;
	readonly #viewer: Viewer;
	readonly #requested: readonly string[];
	readonly #wildcards: readonly { name: string; pattern: Pattern }[];
	#carried: Carried | null = null;
	/** The newest event about the viewer's grants that the hub has told of. */
	#heard = 0n;
	/** Scopes that the viewer lost since the topics were read, each with the id up to which the hub has told of it. */
	readonly #losses = new Map<string | null, bigint>();
	/** It carries topics of one of them. */
	#losing = false;
	/** Everything before a slash in what it carries: the scopes that matter. */
	#held: ReadonlySet<string> = new Set();
	/** Everything that was heard up to here is in what was read. */
	#settled = 0n;
	/** Topics for which there is no room, as far as the client was told. */
	#tooMany: ReadonlySet<string> = new Set();
	/** A topic has appeared since the topics were read. */
	#appeared = false;
	/** Position before the first batch that may have changed the topics since they were read. */
	#before: bigint | null = null;
	#watched: readonly string[] = [];
	#unwatch: () => void;

	onChange: (before: bigint) => void = () => {};

	constructor(parts: StreamParts, viewer: Viewer, requested: readonly string[]) {
		this.#parts = parts;
		this.#viewer = viewer;
		this.#requested = requested;
		this.#wildcards = requested.filter(isWildcard).flatMap((name) => {
			const found = parts.topics.findWildcard(name);
			return found ? { name, pattern: found.pattern } : [];
		});
		this.userId = viewer.id;
		this.#unwatch = parts.hub.watch(this);
	}

	get scopes(): readonly string[] {
		return this.#watched;
	}

	get knownUpTo(): bigint | null {
		if (this.#losing) return 0n;
		return this.#appeared || this.#heard > this.#settled ? (this.#before ?? 0n) : null;
	}

	get position(): bigint {
		return this.#carried?.position ?? 0n;
	}

	accessChanged(id: bigint, before: bigint, lost: readonly (string | null)[]): void {
		if (id <= this.#settled) return;
		this.#heard = id;
		for (const scope of lost) {
			this.#losses.set(scope, id);
			this.#losing ||= this.#holds(scope);
		}
		this.#mayChange(before);
	}

	topicAppeared(topic: string, before: bigint): void {
		if (!this.#brings(topic)) return;
		this.#appeared = true;
		this.#mayChange(before);
	}

	#holds(scope: string | null): boolean {
		return scope === null || this.#held.has(scope);
	}

	#mayChange(before: bigint): void {
		this.#before ??= before;
		this.onChange(before);
	}

	/** @returns true when the topic may be a new one of a wildcard; most topics below the scopes are of other patterns */
	#brings(topic: string): boolean {
		if (this.#carried?.topics.has(topic) || this.#tooMany.has(topic)) return false;
		const pattern = this.#parts.topics.find(topic)?.pattern;
		const isOf = (each: { name: string; pattern: Pattern }) =>
			each.pattern === pattern && pattern.fits(topic, each.name);
		// The stream is full, and topics are read in order of name: there is no room for one behind the last.
		const isBehind = this.#carried?.full.some((each) => isOf(each) && topic > each.last);
		return this.#wildcards.some(isOf) && !isBehind;
	}

	/**
	 * Reads what the stream carries.
	 *
	 * @param after grants that ended after this position are returned as `closed`
	 * @param options as of `readCarried`
	 */
	async read(
		after: bigint,
		options: { waits?: boolean; signal?: AbortSignal } = {}
	): Promise<Carried> {
		for (;;) {
			// A topic that appears from now on is told of, and what has appeared before is found.
			this.#appeared = false;
			this.#before = null;
			const heard = this.#heard;
			const carried = await readCarried(this.#parts, this.#viewer, this.#requested, after, options);
			// The first result is told when the stream begins, a later one as a change.
			if (!this.#carried) this.#tooMany = withoutRoom(carried);
			this.#carried = carried;
			this.#settled = heard > carried.position ? heard : carried.position;
			this.#held = scopesAbove(carried.topics.keys());
			for (const [scope, id] of this.#losses) {
				if (id <= this.#settled) this.#losses.delete(scope);
			}
			this.#losing = [...this.#losses.keys()].some((scope) => this.#holds(scope));
			if (this.knownUpTo === null) this.#before = null;
			if (carried.scopes.every((scope) => this.#watched.includes(scope))) return carried;
			// It did not watch these scopes while it read, so it reads once more.
			this.#unwatch();
			this.#watched = carried.scopes;
			this.#unwatch = this.#parts.hub.watch(this);
		}
	}

	async next(signal: AbortSignal): Promise<TopicChange | null> {
		const before = this.#carried?.topics ?? new Map<string, never>();
		const { grantsTrouble: trouble } = this.#parts;
		return readPersistently(
			async () => {
				const carried = await this.read(END, { waits: false, signal });
				const denied: Denied[] = [];
				const subscribed: Subscribed[] = [];
				for (const [topic, { since }] of before) {
					if (carried.topics.get(topic)?.since !== since) denied.push({ topic, reason: 'revoked' });
				}
				const noRoom = withoutRoom(carried);
				for (const topic of noRoom) {
					if (!this.#tooMany.has(topic)) denied.push({ topic, reason: 'too_many' });
				}
				// It was told that there is no room for them. Now it may not have them at all.
				for (const topic of this.#tooMany) {
					if (!noRoom.has(topic) && !carried.topics.has(topic))
						denied.push({ topic, reason: 'revoked' });
				}
				const added = [...carried.topics].filter(
					([topic, { since }]) => before.get(topic)?.since !== since
				);
				for (const [topic, { wildcard }] of added) {
					if (wildcard !== null) subscribed.push({ topic, pattern: wildcard });
				}
				const begun = await placeBegun(
					this.#parts,
					this.#viewer,
					added.map(([topic, { floor, replay, since }]) => ({ topic, floor, replay, asOf: since }))
				);
				this.#tooMany = noRoom;
				const ended = await endedBefore(this.#parts.readEnded, begun);
				return { denied, subscribed, ended, begun, atLeast: carried.position };
			},
			{ signal, trouble }
		);
	}

	end(): void {
		this.#unwatch();
	}
}

/** All that stands before a slash of these topics. */
function scopesAbove(topics: Iterable<string>): Set<string> {
	const scopes = new Set<string>();
	for (const topic of topics) {
		for (let end = topic.indexOf('/'); end >= 0; end = topic.indexOf('/', end + 1)) {
			scopes.add(topic.slice(0, end));
		}
	}
	return scopes;
}

/** Topics that the viewer may see, and for which the stream has no room. */
function withoutRoom({ denied }: Pick<Carried, 'denied'>): Set<string> {
	return new Set(denied.flatMap(({ topic, reason }) => (reason === 'too_many' ? [topic] : [])));
}
