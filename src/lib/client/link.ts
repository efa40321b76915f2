import { backoffDelay, MAX_WAIT, MAX_WAIT_UNSEEN } from './backoff.ts';
import { Source, type EventSourceConstructor } from './source.ts';
import { askWhyRefused, StreamRefused } from './refusal.ts';
import { isSeen, listenForWake } from './wake.ts';
import { Watchdog } from './watchdog.ts';

/** A connection that lasted this long counts as stable: the next wait starts small again. Milliseconds. */
const STABLE = 5_000;
/** Minimum wait before the next attempt while the client asks why the last one was refused. Milliseconds. */
const ASKING = 5_000;
/**
 * A connection younger than this that reached its maximum age is reopened after a wait, to avoid a tight loop. Milliseconds.
 */
const SHORT_LIVED = 1_000;

/** What a link needs from its owner, and reports to it. */
export interface LinkOwner {
	/** The address to connect to. null: there is nothing to connect to. Called before each attempt. */
	target(): LinkTarget | null;
	onEvent(name: string, id: string, data: string): void;
	onState(state: LinkState): void;
	/** The server requires a sign-in. The link is closed. */
	onUnauthorized(refusal: StreamRefused): void;
	debug(text: string, ...details: unknown[]): void;
}

export interface LinkTarget {
	EventSource: EventSourceConstructor;
	url: string;
	/** Names of the events to listen to. */
	names: readonly string[];
	/**
	 * Used to ask why the server refused. null: do not ask, because fetch does not have the credentials of the EventSource.
	 */
	fetch: typeof fetch | null;
}

export type LinkStatus = 'idle' | 'connecting' | 'connected' | 'error';

export interface LinkState {
	status: LinkStatus;
	/** The last error, until a connection opens. */
	error: Error | null;
	/** When the next attempt is due, in milliseconds since 1970. null: none is scheduled. */
	retryAt: number | null;
	/** The connection looks open but has missed a keep-alive. */
	suspect: boolean;
}

/**
 * Keeps one connection open. It replaces the connection when it is lost, silent or too old, when the network or the page
 * comes back, and when its owner changes the address. It does not interpret events. `close` ends every timer, listener and
 * socket.
 */
export class Link {
	readonly #owner: LinkOwner;
	readonly #wait: number;
	readonly #watchdog: Watchdog;
	#wanted = false;
	#connection: Source | null = null;
	#retry: ReturnType<typeof setTimeout> | undefined;
	#failures = 0;
	#state: LinkState = { status: 'idle', error: null, retryAt: null, suspect: false };
	/** Aborts the request that asks why the last attempt was refused. */
	#asking: AbortController | null = null;
	#offline = false;
	#stopListening = () => {};

	/**
	 * @param wait ceiling of the first wait before a new attempt, in milliseconds
	 * @param keepAliveTimeout see {@link Watchdog}
	 */
	constructor(owner: LinkOwner, wait: number, keepAliveTimeout?: number) {
		this.#owner = owner;
		this.#wait = wait;
		this.#watchdog = new Watchdog(
			() => this.#lost('the server fell silent', null),
			keepAliveTimeout,
			(suspect) => this.#tell({ suspect })
		);
	}

	/** Connects, or ends the wait for the next attempt. Does nothing while a connection exists that is not suspect. */
	open(): void {
		if (this.#connection && !this.#state.suspect) return;
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

	/** Asks for the target again and connects to it at once, if the link is open. */
	replace(): void {
		if (this.#wanted) this.#attempt();
	}

	/** Call it when the server is about to end the connection because of its age. */
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

	/** Call it when the server has sent everything it owed: the server works, so the next wait starts small again. */
	served(): void {
		this.#failures = 0;
	}

	/**
	 * Disconnects.
	 *
	 * @param error the reason, if it is a failure
	 */
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
		this.#show('connecting', this.#state.error);
		try {
			this.#connection = new Source(target.EventSource, target.url, target.names, {
				onOpen: () => {
					this.#owner.debug('connected');
					this.#watchdog.heard();
					this.#show('connected', null);
				},
				onEvent: (name, id, data) => {
					this.#watchdog.heard();
					this.#owner.onEvent(name, id, data);
				},
				onLost: (reason, refused) => this.#lost(reason, refused ? target : null)
			});
		} catch (error) {
			// The address is invalid. A retry would not help.
			return this.close(error instanceof Error ? error : new Error(String(error)));
		}
		this.#watchdog.start();
	}

	/** Listens also to events of this name, until the connection ends. */
	listen(name: string): void {
		this.#connection?.listen(name);
	}

	/** A keep-alive arrived. */
	heardKeepAlive(): void {
		this.#watchdog.heardKeepAlive();
	}

	/** Drops the connection, or the wait for the next one. */
	#release(): void {
		this.#endWait();
		this.#asking?.abort();
		this.#asking = null;
		this.#watchdog.stop();
		this.#connection?.close();
		this.#connection = null;
	}

	/** @param refused the target that responded with an error; null: there was no response */
	#lost(reason: string | null, refused: LinkTarget | null): void {
		const age = this.#connection?.age ?? null;
		if (age !== null && age >= STABLE) this.#failures = 0;
		this.#attemptLater();
		this.#owner.debug('connection lost', { reason, failures: this.#failures });
		// Losing an open connection is normal (a deploy, a tunnel). Failing to connect is an error worth showing.
		if (age !== null) return this.#show('connecting', null);
		const error = new Error(`Could not connect: ${reason ?? 'no stream was answered'}`);
		// While the client asks again, keep showing the reason it knows.
		const known = refused && this.#state.error instanceof StreamRefused;
		this.#show('error', known ? this.#state.error : error);
		if (refused?.fetch) void this.#askWhy(refused.url, refused.fetch);
	}

	/**
	 * Asks why the server refused: an EventSource exposes neither status nor text. The next attempt waits for the response.
	 */
	async #askWhy(url: string, fetcher: typeof fetch): Promise<void> {
		const due = this.#state.retryAt ?? 0;
		const asking = (this.#asking = new AbortController());
		this.#attemptIn(Math.max(due - Date.now(), ASKING));
		let refusal: StreamRefused | null;
		try {
			refusal = await askWhyRefused(url, fetcher, asking.signal);
		} catch (error) {
			// The network failed meanwhile, or another call has already decided the next step.
			this.#owner.debug('no reason for the refusal', { error });
			if (!asking.signal.aborted) this.#attemptAt(due);
			return;
		}
		if (asking.signal.aborted) return;
		this.#owner.debug('refused', { refusal });
		if (refusal === null) return this.#attempt();
		if (refusal.status === 401) {
			this.close(refusal);
			return this.#owner.onUnauthorized(refusal);
		}
		// Add up to a quarter at random: clients that got the same Retry-After must not come back together.
		const asked = (refusal.retryAfter ?? 0) * (1 + Math.random() / 4);
		this.#attemptAt(Math.max(due, Date.now() + asked));
		this.#show('error', refusal);
	}

	#attemptLater(): void {
		this.#release();
		const longest = isSeen() ? MAX_WAIT : MAX_WAIT_UNSEEN;
		const wait = this.#offline
			? MAX_WAIT_UNSEEN
			: backoffDelay(this.#failures, this.#wait, longest);
		this.#failures += 1;
		this.#attemptIn(wait);
	}

	#attemptAt(moment: number): void {
		this.#attemptIn(Math.max(0, moment - Date.now()));
		this.#tell({});
	}

	#attemptIn(wait: number): void {
		this.#endWait();
		this.#retry = setTimeout(() => this.#attempt(), wait);
		this.#state.retryAt = Date.now() + wait;
	}

	#endWait(): void {
		clearTimeout(this.#retry);
		this.#retry = undefined;
		this.#state.retryAt = null;
	}

	/** @param surely true when a connection that looks open must be dead */
	#wake(moment: string, surely: boolean): void {
		if (moment === 'online') this.#offline = false;
		if (!surely && this.#connection && !this.#watchdog.overdue) return;
		this.#owner.debug('reconnecting', { moment });
		this.#failures = 0;
		this.#attempt();
	}

	#wentOffline(): void {
		this.#offline = true;
		// `online` ends the wait. A long timer remains, for browsers that report offline by mistake.
		if (this.#retry === undefined) return;
		this.#attemptLater();
		this.#tell({});
	}

	#show(status: LinkStatus, error: Error | null): void {
		this.#tell({ status, error });
	}

	#tell(change: Partial<LinkState>): void {
		Object.assign(this.#state, change);
		this.#owner.onState({ ...this.#state });
	}
}
