import { randomUUID } from 'node:crypto';
import type { PresentUser, TopicRegistry } from '../../../protocol/index.ts';
import { codeOf } from '../../database/error-code.ts';
import { pause } from '../../database/persist.ts';
import type { Queryable } from '../../database/queryable.ts';
import {
	beginLease,
	endLease,
	readPresence,
	renewLease,
	writePresence,
	type PresenceRow
} from '../../log/presence.ts';
import type { LogEvent } from '../../log/types.ts';
import type { Logger } from '../../work/logger.ts';
import { startLoop, type Loop } from '../../work/loop.ts';
import { Attendance, type Changes } from './attendance.ts';
import { Feed, type FeedOwner, type FeedRequest } from './feed.ts';
import { ScopeList } from './scope-list.ts';

/** Time between two heartbeats, in milliseconds. */
const BEAT_MS = 3000;

/** Least time between two rounds, in milliseconds. Meanwhile changes are collected. */
const EVERY_MS = 25;

/** Longest time between two looks at all watched scopes, in milliseconds: a notification is only a hint. */
const LOOK_MS = 5000;

/** How long nobody is told to have left after rows may have been missing: the other servers write theirs again. Milliseconds. */
const HOLD_MS = 6000;

/** Rows of one statement. After a refusal the next one has an eighth of them. After a success it has twice as many. */
const ROWS = 1000;
const LESS = 8;
const MORE = 2;

/**
 * Who is present, for the streams of one process.
 *
 * One loop does everything, so nothing runs beside anything else: it keeps the lease of this process's incarnation, writes who
 * comes and goes here, and reads the scopes that its streams watch. What it reads is compared with what it has told.
 */
export class Presence implements FeedOwner {
	readonly name = 'presence';
	readonly #connection: Queryable & { end(): Promise<void> };
	readonly #registry: TopicRegistry;
	readonly #logger: Logger;
	readonly #attendance = new Attendance();
	readonly #lists = new Map<string, ScopeList>();
	/** Scope that must be granted → lists that depend on it. */
	readonly #byNeed = new Map<string, Set<ScopeList>>();
	/** By user. */
	readonly #feeds = new Map<string, Set<Feed>>();
	/** Watched scopes that may have changed. */
	readonly #changed = new Set<string>();
	#loop: Loop | null = null;
	/** null: this process needs none. */
	#incarnation: string | null = null;
	/** Times in milliseconds of `performance.now()`. */
	#beatAt = 0;
	#lookAt = 0;
	#holdUntil = 0;
	#roundAt = -Infinity;

	/** @param parts.connection used only here, and closed here */
	constructor(parts: {
		connection: Queryable & { end(): Promise<void> };
		topics: TopicRegistry;
		logger: Logger;
	}) {
		this.#connection = parts.connection;
		this.#registry = parts.topics;
		this.#logger = parts.logger;
	}

	/** True when the last round failed. */
	get failing(): boolean {
		return this.#loop?.failing ?? false;
	}

	start(): void {
		this.#loop = startLoop({
			name: this.name,
			logger: this.#logger,
			round: () => this.#round(),
			maxBackOffMs: 1000,
			lines: { lasts: 'nobody knows who is present; trying again', over: 'presence is known again' }
		});
	}

	async stop(): Promise<void> {
		await this.#loop?.stop();
		const incarnation = this.#incarnation;
		this.#incarnation = null;
		try {
			// If it fails, the lease ends by itself.
			if (incarnation) await endLease(this.#connection, incarnation);
		} finally {
			await this.#connection.end();
		}
	}

	/** The presence of a stream that opens. It hears of grants from now on. */
	feed(request: FeedRequest): Feed {
		const feed = new Feed(this.#registry, request, this);
		insert(this.#feeds, request.viewer.id, feed);
		return feed;
	}

	/** Scopes have changed. */
	notified(payload: string): void {
		for (const scope of payload.split('\n')) this.#look(scope);
	}

	/** Notifications may have been missed. */
	lookAtAll(): void {
		if (this.#lists.size === 0) return;
		this.#lookAt = 0;
		this.#loop?.wake();
	}

	/** Takes the next events of the log, in order. Those about grants change who is where at once. */
	saw(events: readonly LogEvent[]): void {
		for (const { id, topic, userId, data } of events) {
			const granted = topic === '$granted';
			if (!(granted || topic === '$revoked') || userId === null || data === null) continue;
			const { scope } = JSON.parse(data) as { scope: string };
			for (const feed of [...(this.#feeds.get(userId) ?? [])]) {
				feed.change({ id, userId, scope, granted });
			}
			for (const list of this.#byNeed.get(scope) ?? []) {
				if (!granted && list.needs.length === 1) list.remove(userId);
				this.#look(list.scope);
			}
		}
	}

	enter(feed: Feed, scope: string, needs: readonly string[]): void {
		let list = this.#lists.get(scope);
		if (!list) {
			this.#lists.set(scope, (list = new ScopeList(scope, needs)));
			for (const need of needs) insert(this.#byNeed, need, list);
		}
		list.feeds.add(feed);
		this.#attendance.join(rowOf(feed, scope));
		this.#look(scope);
	}

	exit(feed: Feed, scope: string, atOnce: boolean): void {
		const list = this.#lists.get(scope);
		list?.feeds.delete(feed);
		if (list?.feeds.size === 0) {
			this.#lists.delete(scope);
			for (const need of list.needs) remove(this.#byNeed, need, list);
		}
		this.#attendance.leave(rowOf(feed, scope), performance.now(), atOnce);
		this.#loop?.wake();
	}

	users(scope: string): PresentUser[] | null {
		return this.#lists.get(scope)?.users ?? null;
	}

	forget(feed: Feed): void {
		remove(this.#feeds, feed.viewer.id, feed);
	}

	#look(scope: string): void {
		if (!this.#lists.has(scope)) return;
		this.#changed.add(scope);
		this.#loop?.wake();
	}

	/** @returns milliseconds until the next round */
	async #round(): Promise<number> {
		const early = this.#roundAt + EVERY_MS - performance.now();
		if (early > 0) await pause(early);
		this.#roundAt = performance.now();
		if (this.#attendance.size + this.#lists.size === 0 && this.#incarnation === null) {
			return Infinity;
		}
		if (performance.now() >= this.#beatAt) await this.#beat();
		if (!(await this.#write())) return 0;
		await this.#read();
		return Math.min(this.#beatAt, this.#lookAt, this.#attendance.dueAt) - performance.now();
	}

	/** Keeps the lease. An incarnation that is gone is replaced by a new one, and its rows are written again. */
	async #beat(): Promise<void> {
		const rows = this.#incarnation ? await renewLease(this.#connection, this.#incarnation) : null;
		if (rows === null) {
			if (this.#incarnation !== null) this.#holdUntil = performance.now() + HOLD_MS;
			const incarnation = randomUUID();
			await beginLease(this.#connection, incarnation);
			this.#incarnation = incarnation;
			this.#lookAt = 0;
		}
		if (rows !== this.#attendance.written) this.#attendance.rewrite();
		this.#beatAt = performance.now() + BEAT_MS;
	}

	/**
	 * Writes what has changed. A row that the database refuses is dropped: pages get smaller until it is alone in one.
	 *
	 * @returns false when the incarnation is gone
	 */
	async #write(): Promise<boolean> {
		for (let most = ROWS; ;) {
			const changes = this.#attendance.take(most, performance.now());
			const { put, gone } = changes;
			const rows = put.length + gone.length;
			if (rows === 0) return true;
			try {
				if (await writePresence(this.#connection, this.#incarnation!, put, gone)) {
					most = Math.min(ROWS, most * MORE);
					continue;
				}
				this.#attendance.putBack(changes);
				this.#beatAt = 0;
				return false;
			} catch (error) {
				if (refusesRow(error) && rows === 1) {
					this.#drop(changes, error);
					continue;
				}
				this.#attendance.putBack(changes);
				if (!refusesRow(error)) throw error;
				most = Math.ceil(rows / LESS);
			}
		}
	}

	#drop(changes: Changes, error: unknown): void {
		this.#attendance.drop(changes);
		const [row] = [...changes.put, ...changes.gone];
		this.#logger.error(
			{ err: error, scope: row!.scope, userId: row!.userId },
			'the database refuses the presence of a user: it is not shown, and that of the others is'
		);
	}

	async #read(): Promise<void> {
		const all = performance.now() >= this.#lookAt;
		const wanted = [...this.#lists.values()].filter(({ scope }) => all || this.#changed.has(scope));
		this.#changed.clear();
		if (all) this.#lookAt = performance.now() + LOOK_MS;
		if (wanted.length === 0) return;
		const { rows, alive, endsInMs } = await readPresence(
			this.#connection,
			this.#incarnation,
			wanted
		).catch((error: unknown) => {
			this.#lookAt = 0;
			throw error;
		});
		const now = performance.now();
		if (!alive) {
			this.#holdUntil = now + HOLD_MS;
			this.#beatAt = 0;
		}
		const complete = now >= this.#holdUntil;
		const byScope = new Map<string, PresenceRow[]>();
		for (const row of rows) {
			const ofScope = byScope.get(row.scope);
			if (ofScope) ofScope.push(row);
			else byScope.set(row.scope, [row]);
		}
		for (const list of wanted) list.update(byScope.get(list.scope) ?? [], complete);
		if (endsInMs !== null) this.#lookAt = Math.min(this.#lookAt, now + endsInMs + EVERY_MS);
		if (!complete) this.#lookAt = Math.min(this.#lookAt, this.#holdUntil);
	}
}

/** True when it is for the content of a row that Postgres refuses the statement: data, constraint, size. */
const refusesRow = (error: unknown) => /^(22|23|54)/.test(codeOf(error) ?? '');

const rowOf = ({ viewer, name, state }: Feed, scope: string): PresenceRow => ({
	scope,
	userId: viewer.id,
	name,
	state
});

function insert<T>(map: Map<string, Set<T>>, key: string, value: T): void {
	const set = map.get(key);
	if (set) set.add(value);
	else map.set(key, new Set([value]));
}

function remove<T>(map: Map<string, Set<T>>, key: string, value: T): void {
	const set = map.get(key);
	set?.delete(value);
	if (set?.size === 0) map.delete(key);
}
