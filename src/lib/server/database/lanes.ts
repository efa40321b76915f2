import { setTimeout as pause } from 'node:timers/promises';
import { PgSession, type PgSessionOptions } from './pg-session.ts';
import type { Queryable } from './queryable.ts';
import { Route } from './route.ts';
import { wantedUntil } from './wanted.ts';

/** Times in milliseconds. */
export interface LanesOptions extends Pick<PgSessionOptions, 'name' | 'settings' | 'types'> {
	/** Maximum number of connections. Each is opened when it is first needed. */
	size: number;
	/** See {@link PgSessionOptions.answerMs}. Default 5,000. */
	answerMs?: number | undefined;
	/** Statements that may wait for a free connection. One more is rejected with `CONNECTION_BUSY`. Default 10,000. */
	maxWaiting?: number | undefined;
	/** How long a statement may wait for a free connection before `CONNECTION_BUSY`. Default: the value of `answerMs`. */
	waitMs?: number | undefined;
	/**
	 * True: a waiting statement leaves the queue when the client of its request disconnects ({@link wantedUntil}). Default
	 * false.
	 */
	forRequests?: boolean | undefined;
	/**
	 * How long a connection is used before another one replaces it. A session keeps the settings that it began with (for
	 * example read-only), so old sessions must end. Default 30 to 60 minutes.
	 */
	lifeMs?: number | undefined;
}

/** Who waits for a connection. */
interface Waiting {
	take(session: PgSession): void;
	refuse(reason: Error): void;
	/** When it is refused. */
	until: number;
	/** Its signal no longer matters. */
	forget: (() => void) | undefined;
}

/**
 * A few connections for one purpose. Statements run in the order of their arrival, one at a time per connection. When many
 * clients reconnect, they queue here, in memory, not in Postgres. A long replay holds no connection between its pages. A
 * connection that is lost, or stops responding, is replaced.
 */
export class Lanes implements Queryable {
	readonly #route: Route;
	readonly #options: LanesOptions & { answerMs: number; maxWaiting: number; waitMs: number };
	readonly #sessions = new Map<PgSession, { until: number }>();
	readonly #idle: PgSession[] = [];
	readonly #queue = new Set<Waiting>();
	#timer: NodeJS.Timeout | undefined;
	/** What `end` waits for: attempts to connect, and goodbyes. */
	readonly #pending = new Set<Promise<void>>();
	#opening = 0;
	#failures = 0;
	/** When the last connection was lost, or could not be opened. */
	#lostAt = -Infinity;
	#ended = false;
	readonly #callOff = new AbortController();

	constructor(url: string, options: LanesOptions) {
		const answerMs = options.answerMs ?? 5000;
		this.#route = new Route(url);
		this.#options = {
			...options,
			answerMs,
			maxWaiting: options.maxWaiting ?? 10_000,
			waitMs: options.waitMs ?? answerMs
		};
	}

	/**
	 * Runs one prepared statement.
	 *
	 * @throws errors of the driver; `ETIMEDOUT` when no result came in time (outcome unknown); `CONNECTION_BUSY`,
	 *   `CONNECTION_UNWANTED` and `CONNECTION_ENDED` when it was not sent
	 */
	query<Row extends object>(
		text: string,
		parameters: (string | number | null)[],
		signal?: AbortSignal
	): Promise<Row[]> {
		return this.use((session) => session.query<Row>(text, parameters), signal);
	}

	/**
	 * Runs work that needs one session for several statements.
	 *
	 * @param work must have ended its transaction, or the session, when it is over
	 * @throws as {@link query}, and what the work throws
	 */
	async use<T>(work: (session: PgSession) => Promise<T>, signal?: AbortSignal): Promise<T> {
		const session = this.#free() ?? (await this.#wait(signal));
		try {
			return await work(session);
		} finally {
			this.#giveBack(session);
		}
	}

	/**
	 * Closes the connections. Waiting statements fail at once (`CONNECTION_ENDED`).
	 *
	 * @param graceMs how long running statements, and those that wait for their connection to open, may take
	 */
	async end(graceMs = 1000): Promise<void> {
		this.#ended = true;
		for (const waiting of this.#queue) this.#refuse(waiting, endedError());
		clearTimeout(this.#timer);
		for (const session of this.#idle.splice(0)) this.#retire(session);
		const late = setTimeout(() => {
			this.#callOff.abort();
			for (const session of this.#sessions.keys()) session.destroy();
		}, graceMs);
		while (this.#sessions.size + this.#pending.size > 0) {
			const lost = [...this.#sessions.keys()].map(
				(session) => new Promise<void>((resolve) => session.onLost(() => resolve()))
			);
			await Promise.all([...lost, ...this.#pending]);
		}
		clearTimeout(late);
	}

	/** Returns a connection that does nothing. */
	#free(): PgSession | undefined {
		for (let session = this.#idle.pop(); session; session = this.#idle.pop()) {
			if (this.#isGood(session)) return session;
			this.#retire(session);
		}
		return undefined;
	}

	#isGood(session: PgSession): boolean {
		const { until = 0 } = this.#sessions.get(session) ?? {};
		return session.isAlive && !session.isReadOnly && performance.now() < until;
	}

	#wait(signal?: AbortSignal): Promise<PgSession> {
		const { size, forRequests } = this.#options;
		return new Promise((take, refuse) => {
			const waiting = { take, refuse, until: Infinity, forget: undefined };
			if (this.#ended) refuse(endedError());
			else if (this.#sessions.size + this.#opening < size) this.#open(waiting);
			else this.#enqueue(waiting, signal ?? (forRequests ? wantedUntil() : undefined));
		});
	}

	/** Queues, within the limits of how many wait, how long, and for whom. */
	#enqueue(waiting: Waiting, signal?: AbortSignal): void {
		const { maxWaiting, waitMs } = this.#options;
		if (this.#queue.size >= maxWaiting) {
			waiting.refuse(failure('CONNECTION_BUSY', `${maxWaiting} queries wait for Postgres already`));
			return;
		}
		if (signal) {
			const gone = () => this.#refuse(waiting, unwantedError());
			if (signal.aborted) {
				gone();
				return;
			}
			signal.addEventListener('abort', gone);
			waiting.forget = () => signal.removeEventListener('abort', gone);
		}
		if (waitMs > 0) {
			waiting.until = performance.now() + waitMs;
			// One timer, for the one who waits longest: all wait equally long.
			this.#timer ??= setTimeout(() => this.#expire(), waitMs);
		}
		this.#queue.add(waiting);
	}

	#expire(): void {
		this.#timer = undefined;
		const now = performance.now();
		for (const waiting of this.#queue) {
			if (waiting.until > now) {
				this.#timer = setTimeout(() => this.#expire(), waiting.until - now);
				return;
			}
			const { waitMs } = this.#options;
			this.#refuse(waiting, failure('CONNECTION_BUSY', `no connection was free for ${waitMs} ms`));
		}
	}

	#refuse(waiting: Waiting, reason: Error): void {
		this.#leave(waiting);
		waiting.refuse(reason);
	}

	#leave(waiting: Waiting): void {
		this.#queue.delete(waiting);
		waiting.forget?.();
	}

	/** Takes the one who waits longest out of the queue. */
	#next(): Waiting | undefined {
		if (this.#queue.size === 0) return undefined;
		const [next] = this.#queue;
		this.#leave(next!);
		return next;
	}

	/** Opens a connection for one who waits. If that fails, this one learns why, and the next one tries again. */
	#open(waiting: Waiting): void {
		this.#opening++;
		const opened = this.#tryToOpen().then(
			(session) => {
				this.#opening--;
				waiting.take(session);
			},
			(error: unknown) => {
				this.#opening--;
				waiting.refuse(error instanceof Error ? error : new Error(String(error)));
				this.#replace();
			}
		);
		this.#hold(opened);
	}

	async #tryToOpen(): Promise<PgSession> {
		const {
			name,
			settings,
			types,
			answerMs,
			lifeMs = HALF_AN_HOUR * (1 + Math.random())
		} = this.#options;
		const { signal } = this.#callOff;
		const backOff = Math.min(1000, 50 * 2 ** Math.min(this.#failures, 5));
		const delay = this.#lostAt + backOff - performance.now();
		try {
			if (delay > 0) await pause(delay, undefined, { signal });
			const options = { name, settings, types, answerMs, signal };
			const session = await PgSession.open(this.#route, options);
			this.#failures = 0;
			this.#sessions.set(session, { until: performance.now() + lifeMs });
			session.onLost((reason) => this.#drop(session, reason));
			return session;
		} catch (error) {
			if (signal.aborted) throw failure('CONNECTION_DESTROYED', 'the connections were closed');
			this.#failures++;
			this.#lostAt = performance.now();
			throw error;
		}
	}

	#drop(session: PgSession, reason: Error): void {
		if (!this.#sessions.delete(session)) return;
		this.#lostAt = performance.now();
		const at = this.#idle.indexOf(session);
		if (at >= 0) this.#idle.splice(at, 1);
		// The others may have died as silently, and each would cost its next statement another wait.
		if (isSilence(reason)) for (const other of this.#idle.splice(0)) other.destroy();
		this.#replace();
	}

	/** Opens a connection for those who wait, when there is room for one. */
	#replace(): void {
		if (this.#ended || this.#sessions.size + this.#opening >= this.#options.size) return;
		const next = this.#next();
		if (next) this.#open(next);
	}

	#giveBack(session: PgSession): void {
		if (this.#ended || !this.#isGood(session)) {
			this.#retire(session);
			return;
		}
		const next = this.#next();
		if (next) next.take(session);
		else this.#idle.push(session);
	}

	/** Ends a connection that is not used any more. */
	#retire(session: PgSession): void {
		if (this.#sessions.delete(session)) this.#hold(session.end(GOODBYE_MS));
		this.#replace();
	}

	#hold(work: Promise<void>): void {
		const held = work.finally(() => this.#pending.delete(held));
		this.#pending.add(held);
	}
}

const HALF_AN_HOUR = 30 * 60_000;

/** A peer that has vanished never answers the goodbye. Milliseconds. */
const GOODBYE_MS = 1000;

const isSilence = (reason: Error) => (reason as { code?: unknown }).code === 'ETIMEDOUT';
const endedError = () => failure('CONNECTION_ENDED', 'the connections were closed');
const unwantedError = () => failure('CONNECTION_UNWANTED', 'nobody waits for the answer any more');
const failure = (code: string, message: string) => Object.assign(new Error(message), { code });
