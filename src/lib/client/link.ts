import { backoffDelay, MAX_WAIT } from './backoff.ts';
import { Connection, type EventSourceConstructor } from './connection.ts';
import { listenForWake } from './wake.ts';
import { Watchdog } from './watchdog.ts';

/** A connection that held this long (ms) counts as good: the wait before the next attempt starts small again. */
const STABLE = 5_000;
/** Younger than this (ms), a connection that reached its maximum age is reopened with a wait: no tight loop. */
const SHORT_LIVED = 1_000;

/** What a link asks of its owner, and tells it. */
export interface LinkOwner {
	/** What to connect to now; null: there is nothing to connect to. Asked before each attempt. */
	target(): LinkTarget | null;
	onEvent(name: string, id: string, data: string): void;
	onStatus(status: LinkStatus, error: Error | null): void;
	debug(text: string, ...details: unknown[]): void;
}

export interface LinkTarget {
	EventSource: EventSourceConstructor;
	url: string;
	/** Event names to listen to. */
	names: readonly string[];
}

export type LinkStatus = 'idle' | 'connecting' | 'connected' | 'error';

/**
 * Keeps one connection open: replaces it when it is lost, silent or too old, when the network or the page comes back, and
 * when its owner wants another address. Knows nothing of what the events mean. `close` ends every timer, listener and socket.
 */
export class Link {
	readonly #owner: LinkOwner;
	readonly #wait: number;
	readonly #watchdog: Watchdog;
	#wanted = false;
	#connection: Connection | null = null;
	#retry: ReturnType<typeof setTimeout> | undefined;
	#failures = 0;
	/** What failed last, until a connection opens. */
	#error: Error | null = null;
	#offline = false;
	#stopListening = () => {};

	/**
	 * @param wait ceiling of the first wait before a new attempt, in milliseconds
	 * @param keepAliveTimeout see {@link Watchdog}
	 */
	constructor(owner: LinkOwner, wait: number, keepAliveTimeout?: number) {
		this.#owner = owner;
		this.#wait = wait;
		this.#watchdog = new Watchdog(() => this.#lost('the server fell silent'), keepAliveTimeout);
	}

	/** Connects, or ends the wait for the next attempt. Does nothing while there is a connection. */
	open(): void {
		if (this.#connection) return;
		if (!this.#wanted) {
			this.#wanted = true;
			this.#offline = false;
			this.#stopListening = listenForWake({
				onOnline: () => this.#wake('online', this.#offline),
				onOffline: () => this.#wentOffline(),
				onVisible: () => this.#wake('visible', false),
				onRestored: () => this.#wake('restored', true)
			});
		}
		this.#failures = 0;
		this.#attempt();
	}

	/** Asks for the target again and connects there at once, if the link is open at all. */
	replace(): void {
		if (this.#wanted) this.#attempt();
	}

	/** The server is about to end the connection because of its age. */
	renew(): void {
		const age = this.#connection?.age ?? 0;
		if (age >= SHORT_LIVED) {
			this.#failures = 0;
			this.#attempt();
		} else {
			this.#attemptLater();
			this.#show('connecting', null);
		}
	}

	/** Disconnects; `error` says why, if it was not wanted. */
	close(error: Error | null = null): void {
		this.#wanted = false;
		this.#release();
		this.#stopListening();
		this.#stopListening = () => {};
		this.#show(error ? 'error' : 'idle', error);
	}

	#attempt(): void {
		this.#release();
		const target = this.#owner.target();
		if (!target) return this.#show('idle', null);
		this.#owner.debug('connecting', { url: target.url });
		this.#show('connecting', this.#error);
		try {
			this.#connection = new Connection(target.EventSource, target.url, target.names, {
				onOpen: () => {
					this.#owner.debug('connected');
					this.#watchdog.heard();
					this.#show('connected', null);
				},
				onEvent: (name, id, data) => {
					this.#watchdog.heard();
					this.#owner.onEvent(name, id, data);
				},
				onLost: (reason) => this.#lost(reason)
			});
		} catch (error) {
			// The address cannot be read: it will not be better next time.
			return this.close(error instanceof Error ? error : new Error(String(error)));
		}
		this.#watchdog.start();
	}

	/** The server told that it is there, and does so regularly. */
	heardKeepAlive(): void {
		this.#watchdog.heardKeepAlive();
	}

	/** Lets go of the connection, or of the wait for the next one. */
	#release(): void {
		clearTimeout(this.#retry);
		this.#retry = undefined;
		this.#watchdog.stop();
		this.#connection?.close();
		this.#connection = null;
	}

	#lost(reason: string | null): void {
		const age = this.#connection?.age ?? null;
		if (age !== null && age >= STABLE) this.#failures = 0;
		this.#attemptLater();
		this.#owner.debug('connection lost', { reason, failures: this.#failures });
		// Losing an open connection is everyday (a deploy, a tunnel); failing to get one is worth telling.
		if (age !== null) this.#show('connecting', null);
		else this.#show('error', new Error(`Could not connect: ${reason ?? 'no stream was answered'}`));
	}

	#attemptLater(): void {
		this.#release();
		const wait = this.#offline ? MAX_WAIT : backoffDelay(this.#failures, this.#wait);
		this.#failures += 1;
		this.#retry = setTimeout(() => this.#attempt(), wait);
	}

	/** @param surely whether a connection that looks open must be dead */
	#wake(moment: string, surely: boolean): void {
		if (moment === 'online') this.#offline = false;
		if (!surely && this.#connection && !this.#watchdog.overdue) return;
		this.#owner.debug('reconnecting', { moment });
		this.#failures = 0;
		this.#attempt();
	}

	#wentOffline(): void {
		this.#offline = true;
		// `online` ends the wait; a last resort stays, for browsers that are wrong about being offline.
		if (this.#retry !== undefined) this.#attemptLater();
	}

	#show(status: LinkStatus, error: Error | null): void {
		this.#error = error;
		this.#owner.onStatus(status, error);
	}
}
