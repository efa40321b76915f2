import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import postgres from 'postgres';
import type { Queryable, Sql } from './client.ts';

/** Times in milliseconds. */
export interface ListenerOptions {
	/** Other connections to the same database: what they send must come back through the listening one. */
	heartbeat: Queryable;
	logger: Pick<Logger, 'debug' | 'warn'>;
	/** Between two heartbeats; 3000. */
	heartbeatMs?: number;
	/** A heartbeat that has not come back after this shows that the connection is dead; 5000. */
	silenceMs?: number;
	/** For connecting and listening to all channels; 5000. */
	listenMs?: number;
	/** Before the first new attempt; doubled with each that fails, up to a second; 100. */
	retryMs?: number;
}

/** Heartbeats that may wait for the other client: it may be in trouble itself, and nothing may pile up there. */
const MAX_UNSENT = 3;

/**
 * Listens for notifications on a connection of its own, and makes a new one whenever that is lost, silent or slow to come
 * about. A notification is a hint, and nothing is kept for a listener that was away: whoever listens looks for himself each
 * time `onListening` says that listening has begun (again).
 *
 * The driver's own `listen` is not used: it tells nobody that the connection is gone, and has no heartbeat.
 *
 * @see https://www.postgresql.org/docs/current/sql-listen.html
 */
export class Listener {
	readonly #url: string;
	readonly #options: Required<ListenerOptions>;
	readonly #handlers = new Map<string, (payload: string) => void>();
	readonly #beat = `logline_heartbeat_${randomUUID().slice(0, 8)}`;
	#onListening: () => void = () => {};
	#client: Sql | null = null;
	#up = false;
	#failures = 0;
	/** When the oldest heartbeat that has not come back was sent. */
	#askedAt: number | null = null;
	#unsent = 0;
	#heartbeat: NodeJS.Timeout | undefined;
	/** Ends an attempt that takes too long, or begins the next one. */
	#timer: NodeJS.Timeout | undefined;
	#firstAttempt: () => void = () => {};
	/** Clients that are being thrown away: `stop` waits for them. */
	readonly #loose = new Set<Promise<unknown>>();

	constructor(url: string, options: ListenerOptions) {
		this.#url = url;
		this.#options = {
			heartbeatMs: 3000,
			silenceMs: 5000,
			listenMs: 5000,
			retryMs: 100,
			...options
		};
		this.#handlers.set(this.#beat, () => (this.#askedAt = null));
	}

	/** Whether all channels are being listened to, as far as is known. */
	get state(): 'up' | 'down' {
		return this.#up ? 'up' : 'down';
	}

	/** Calls `handler` for each notification on a channel. Before `start`. */
	on(channel: string, handler: (payload: string) => void): void {
		this.#handlers.set(channel, handler);
	}

	/** Calls `look` each time the channels have begun to be listened to. Before `start`. */
	onListening(look: () => void): void {
		this.#onListening = look;
	}

	/** Begins to listen. Resolves when the first attempt is over, well or not: it goes on trying until `stop`. */
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
		const isCurrent = () => this.#client === client;
		const failed = (reason: unknown) => {
			if (isCurrent()) this.#again(reason);
		};
		const options = {
			max: 1,
			connection: { application_name: 'logline listener' },
			connect_timeout: Math.ceil(this.#options.listenMs / 1000),
			idle_timeout: 0,
			max_lifetime: null,
			fetch_types: false,
			onnotice: () => {},
			// Read by the driver, missing in its types.
			onnotify: (channel: string, payload: string) => {
				if (isCurrent()) this.#handlers.get(channel)?.(payload);
			},
			onclose: () => failed('the connection was lost')
		};
		const client = (this.#client = postgres(this.#url, options));
		this.#timer = setTimeout(
			() => failed('listening was not answered in time'),
			this.#options.listenMs
		);
		const statements = [...this.#handlers.keys()].map((channel) => `listen "${channel}"`);
		client.unsafe(statements.join(';')).then(() => {
			if (isCurrent()) this.#began();
		}, failed);
	}

	#began(): void {
		clearTimeout(this.#timer);
		this.#up = true;
		this.#failures = 0;
		this.#firstAttempt();
		this.#onListening();
	}

	/** Throws the client away and makes another one in a moment. */
	#again(reason: unknown): void {
		const log = this.#up ? this.#options.logger.warn : this.#options.logger.debug;
		log.call(
			this.#options.logger,
			{ err: reason },
			'not listening for notifications; trying again'
		);
		this.#drop();
		this.#firstAttempt();
		const delay = Math.min(1000, this.#options.retryMs * 2 ** Math.min(this.#failures++, 10));
		this.#timer = setTimeout(() => this.#listen(), delay);
	}

	#check(): void {
		if (!this.#up) return;
		if (this.#askedAt !== null && Date.now() - this.#askedAt >= this.#options.silenceMs) {
			this.#again('no heartbeat came back');
			return;
		}
		this.#askedAt ??= Date.now();
		if (this.#unsent >= MAX_UNSENT) return;
		this.#unsent++;
		// Nobody waits for it, `stop` neither: it ends with the connection it is sent on, which is not ours.
		this.#options.heartbeat.query("SELECT pg_notify($1, '')", [this.#beat]).then(
			() => this.#unsent--,
			(error: unknown) => {
				this.#unsent--;
				this.#options.logger.debug({ err: error }, 'no heartbeat could be sent');
			}
		);
	}

	#drop(): void {
		clearTimeout(this.#timer);
		this.#up = false;
		this.#askedAt = null;
		const client = this.#client;
		this.#client = null;
		if (client) this.#hold(client.end({ timeout: 0 }));
	}

	#hold(work: Promise<unknown>): void {
		const held = work.finally(() => this.#loose.delete(held));
		this.#loose.add(held);
	}
}
