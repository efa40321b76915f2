import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { openClient, type Sql } from './client.ts';

/** Times in milliseconds. */
export interface ListenerOptions {
	/** Another client of the same database: what it sends must come back through the listening connection. */
	heartbeat: Sql;
	logger: Logger;
	heartbeatMs?: number;
	/** Silence after which the listening connection counts as dead. */
	silenceMs?: number;
}

/**
 * Listens for notifications on a connection of its own. A notification is a hint and nothing is kept for a listener that
 * was away, so whoever listens must look for himself each time `onListening` says that listening has begun (again).
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
	#heardAt = 0;
	#up = false;
	#timer: NodeJS.Timeout | undefined;
	/** Clients that are being thrown away, and heartbeats under way: `stop` waits for them. */
	readonly #loose = new Set<Promise<unknown>>();

	constructor(url: string, options: ListenerOptions) {
		this.#url = url;
		this.#options = { heartbeatMs: 3000, silenceMs: 8000, ...options };
	}

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

	/** Begins to listen. Does not wait for it: until it succeeds, polling serves. */
	start(): void {
		this.#listen();
		this.#timer = setInterval(() => this.#check(), this.#options.heartbeatMs);
	}

	async stop(): Promise<void> {
		clearInterval(this.#timer);
		this.#drop();
		await Promise.all(this.#loose);
	}

	#listen(): void {
		const client = (this.#client = openClient(this.#url, { max: 1, name: 'listener' }));
		this.#heardAt = Date.now();
		const heard = (act: () => void) => {
			if (this.#client !== client) return;
			this.#heardAt = Date.now();
			act();
		};
		const channels = [...this.#handlers, [this.#beat, () => undefined] as const];
		let listening = 0;
		for (const [channel, handler] of channels) {
			const ready = () =>
				heard(() => {
					// postgres.js calls it once per channel, after every reconnect too: the last one completes a round.
					if (++listening % channels.length !== 0) return;
					this.#up = true;
					this.#onListening();
				});
			const request = client.listen(channel, (payload) => heard(() => handler(payload)), ready);
			// A first attempt that fails is not tried again by the driver; the check throws the client away.
			this.#hold(request.catch((error: unknown) => this.#failed(client, error)));
		}
	}

	#failed(client: Sql, error: unknown): void {
		if (this.#client !== client) return;
		this.#options.logger.debug({ err: error }, 'listening failed; trying again');
		this.#heardAt = 0;
	}

	#check(): void {
		if (Date.now() - this.#heardAt > this.#options.silenceMs) {
			if (this.#up)
				this.#options.logger.warn('the listening connection is silent; making a new one');
			this.#drop();
			this.#listen();
			return;
		}
		const beat = this.#options.heartbeat.notify(this.#beat, '');
		this.#hold(
			beat.then(
				() => undefined,
				(error: unknown) => this.#options.logger.debug({ err: error }, 'no heartbeat could be sent')
			)
		);
	}

	#drop(): void {
		this.#up = false;
		const client = this.#client;
		this.#client = null;
		if (client) this.#hold(client.end({ timeout: 0 }));
	}

	#hold(work: Promise<unknown>): void {
		const held = work.finally(() => this.#loose.delete(held));
		this.#loose.add(held);
	}
}
