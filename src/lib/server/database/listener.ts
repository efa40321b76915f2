import type { Logger } from '../work/logger.ts';
import { randomUUID } from 'node:crypto';
import { PgSession } from './pg-session.ts';
import type { Queryable } from './queryable.ts';
import { Route } from './route.ts';
import { Trouble } from '../work/trouble.ts';

/** Times in milliseconds. */
export interface ListenerOptions {
	/** Uses other connections to the same database. A notification sent here must arrive on the listening connection. */
	heartbeat: Queryable;
	logger: Pick<Logger, 'info' | 'warn'>;
	/** Time between two heartbeats. Default 3000. */
	heartbeatMs?: number;
	/** When a heartbeat has not arrived after this time, the connection counts as dead. Default 5000. */
	silenceMs?: number;
	/** Time limit to connect and to listen to all channels. Default 5000. */
	listenMs?: number;
	/** Wait before the first reconnect. It doubles with each failure, up to one second. Default 100. */
	retryMs?: number;
}

/** Maximum heartbeats that wait to be sent. The other client may itself have problems, and its queue must not grow. */
const MAX_UNSENT = 3;

/**
 * Listens for notifications on its own connection. It replaces the connection when it is lost, is silent, or takes too long
 * to start. A notification is only a hint, and Postgres keeps none for a listener that was disconnected. So callers must
 * check for themselves each time `onListening` reports that listening has begun (again).
 *
 * The driver's own `listen` is not used: it does not report a lost connection, and it has no heartbeat.
 *
 * @see https://www.postgresql.org/docs/current/sql-listen.html
 */
export class Listener {
	readonly #route: Route;
	readonly #options: Required<ListenerOptions>;
	readonly #handlers = new Map<string, (payload: string) => void>();
	readonly #beat = `logline_heartbeat_${randomUUID().slice(0, 8)}`;
	#onListening: () => void = () => {};
	/** Ends the current attempt, or the current connection. */
	#current: AbortController | null = null;
	/** True after LISTEN succeeded. */
	#up = false;
	/** True after a heartbeat has also arrived since then. */
	#heard = false;
	readonly #trouble: Trouble;
	/** Why the last heartbeat could not be sent. */
	#sendError: unknown = null;
	#failures = 0;
	/** When the oldest heartbeat that has not arrived was sent. */
	#askedAt: number | null = null;
	#unsent = 0;
	#heartbeat: NodeJS.Timeout | undefined;
	/** Ends an attempt that takes too long, or starts the next one. */
	#timer: NodeJS.Timeout | undefined;
	#firstAttempt: () => void = () => {};
	/** Connections that are being opened or closed. `stop` waits for them. */
	readonly #loose = new Set<Promise<unknown>>();

	constructor(url: string, options: ListenerOptions) {
		this.#route = new Route(url);
		this.#options = {
			heartbeatMs: 3000,
			silenceMs: 5000,
			listenMs: 5000,
			retryMs: 100,
			...options
		};
		this.#trouble = new Trouble(options.logger, {
			lasts: 'no notification arrives, so events arrive late, by polling; trying again',
			over: 'notifications arrive again'
		});
		this.#handlers.set(this.#beat, () => this.#hear());
	}

	/** 'up' only after a heartbeat has arrived: a successful LISTEN alone does not prove that notifications arrive. */
	get state(): 'up' | 'down' {
		return this.#heard ? 'up' : 'down';
	}

	/** Calls `handler` for each notification on a channel. Call it before `start`. */
	on(channel: string, handler: (payload: string) => void): void {
		this.#handlers.set(channel, handler);
	}

	/** Calls `look` each time listening has begun. Call it before `start`. */
	onListening(look: () => void): void {
		this.#onListening = look;
	}

	/**
	 * Begins to listen. Resolves when the first heartbeat has arrived or the first attempt has failed. It keeps trying until
	 * `stop`.
	 */
	start(): Promise<void> {
		this.#heartbeat = setInterval(() => this.#check(), this.#options.heartbeatMs);
		return new Promise((resolve) => {
			this.#firstAttempt = resolve;
			this.#listen();
		});
	}

	/** Stops listening and closes the connection. */
	async stop(): Promise<void> {
		clearInterval(this.#heartbeat);
		this.#drop();
		this.#firstAttempt();
		await Promise.all(this.#loose);
	}

	#listen(): void {
		const current = (this.#current = new AbortController());
		this.#timer = setTimeout(
			() => this.#again(new Error('listening was not answered in time')),
			this.#options.listenMs
		);
		this.#hold(
			this.#connect(current.signal).catch((error: unknown) => {
				if (this.#current === current) this.#again(error);
			})
		);
	}

	/** Rejects when the connection cannot be opened, and when it has ended. */
	async #connect(signal: AbortSignal): Promise<void> {
		const session = await PgSession.open(this.#route, {
			name: 'listener',
			// The heartbeat notices a connection that is silent.
			answerMs: this.#options.listenMs,
			// An idle connection waits for nothing, so nothing is to be cancelled.
			settings: { statement_timeout: 0, lock_timeout: 0 },
			onNotify: (channel, payload) => {
				if (!signal.aborted) this.#handlers.get(channel)?.(payload);
			},
			signal
		});
		signal.addEventListener('abort', () => session.destroy());
		if (signal.aborted) session.destroy();
		const statements = [...this.#handlers.keys()].map((channel) => `listen "${channel}"`);
		await session.run(statements.join(';'));
		if (!signal.aborted) this.#began();
		await new Promise<never>((_, reject) => session.onLost(reject));
	}

	#began(): void {
		clearTimeout(this.#timer);
		this.#up = true;
		this.#onListening();
		this.#timer = setTimeout(() => this.#again(this.#silence()), this.#options.silenceMs);
		this.#check();
	}

	/** A heartbeat has arrived. */
	#hear(): void {
		this.#askedAt = null;
		if (this.#heard) return;
		this.#heard = true;
		clearTimeout(this.#timer);
		this.#failures = 0;
		this.#firstAttempt();
		this.#trouble.over();
	}

	#silence(): Error {
		if (this.#sendError !== null) {
			return new Error('no heartbeat could be sent', { cause: this.#sendError });
		}
		if (this.#heard) return new Error('no heartbeat came back');
		return new Error(
			'LISTEN was answered, but nothing is heard. A pooler in transaction mode does that: connect to Postgres itself.'
		);
	}

	/** Closes the client and opens another one after a pause. */
	#again(reason: unknown): void {
		this.#trouble.met(reason);
		this.#drop();
		this.#firstAttempt();
		const delay = Math.min(1000, this.#options.retryMs * 2 ** Math.min(this.#failures++, 10));
		this.#timer = setTimeout(() => this.#listen(), delay);
	}

	#check(): void {
		if (!this.#up) return;
		if (this.#askedAt !== null && performance.now() - this.#askedAt >= this.#options.silenceMs) {
			this.#again(this.#silence());
			return;
		}
		this.#askedAt ??= performance.now();
		if (this.#unsent >= MAX_UNSENT) return;
		this.#unsent++;
		// Not awaited, not even by `stop`: it ends with the other client's connection, which is not closed here.
		this.#options.heartbeat.query("SELECT pg_notify($1, '')", [this.#beat]).then(
			() => {
				this.#unsent--;
				this.#sendError = null;
			},
			(error: unknown) => {
				this.#unsent--;
				this.#sendError = error;
			}
		);
	}

	#drop(): void {
		clearTimeout(this.#timer);
		this.#up = this.#heard = false;
		this.#askedAt = null;
		this.#current?.abort();
		this.#current = null;
	}

	#hold(work: Promise<unknown>): void {
		const held = work.finally(() => this.#loose.delete(held));
		this.#loose.add(held);
	}
}
