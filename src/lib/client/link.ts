import { backoffDelay, MAX_WAIT, MAX_WAIT_UNSEEN } from './backoff.ts';
import { AT_FIRST, conditionOf, LIFE, type Condition, type LinkState, type Step } from './life.ts';
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
	/** Used to ask why the server refused. null: do not ask, because fetch lacks the credentials of the EventSource. */
	fetch: typeof fetch | null;
}

/**
 * Keeps one connection open. What it does when something happens to the page, the network or the server is in {@link LIFE}. It
 * does not interpret events. `close` ends every timer, listener and socket.
 */
export class Link {
	readonly #owner: LinkOwner;
	readonly #wait: number;
	readonly #watchdog: Watchdog;
	#wanted = false;
	#connection: Source | null = null;
	#retry: ReturnType<typeof setTimeout> | undefined;
	#failures = 0;
	#state: LinkState = { ...AT_FIRST };
	/** What the connection does without for as long as it lasts, whatever passes meanwhile. */
	#lack: Condition | null = null;
	/** Aborts the request that asks why the last attempt was refused. */
	#asking: AbortController | null = null;
	#offline = false;
	#target: LinkTarget | null = null;
	#stopListening = () => {};

	readonly #steps: Readonly<Record<Step, (error: Error | null, condition: Condition) => void>> = {
		nothing: () => {},
		connect: () => this.#connect(),
		check: () => {
			if (!this.#connection || this.#offline || this.#watchdog.overdue) this.#connect();
		},
		retry: () => this.#attempt(),
		renew: (_, condition) => {
			if ((this.#connection?.age ?? 0) >= SHORT_LIVED) return this.#connect();
			this.#attemptLater();
			this.#tell({ status: 'connecting', error: null, condition });
		},
		wait: (error, condition) => this.#lose(error, condition),
		ask: (error, condition) => {
			const { error: known, condition: why } = this.#state;
			// While the client asks again, keep showing the reason it knows.
			if (known instanceof StreamRefused) this.#lose(known, why ?? condition);
			else this.#lose(error, condition);
			if (this.#target?.fetch) void this.#askWhy(this.#target.url, this.#target.fetch);
		},
		obey: (error, condition) => {
			// Add up to a quarter at random: clients that got the same Retry-After must not come back together.
			const asked = error instanceof StreamRefused ? (error.retryAfter ?? 0) : 0;
			const due = this.#state.retryAt ?? 0;
			this.#attemptAt(Math.max(due, Date.now() + asked * (1 + Math.random() / 4)));
			this.#tell({ status: 'error', error, condition });
		},
		doubt: (_, condition) => this.#tell({ suspect: true, condition }),
		hold: (_, condition) => {
			this.#offline = true;
			// `online` ends the wait. A long timer remains, for browsers that report offline by mistake.
			if (this.#retry !== undefined) this.#attemptLater();
			this.#tell({ condition });
		},
		'let-go': (_, condition) => {
			this.#release();
			this.#tell({ status: 'connecting', error: null, condition });
		},
		note: (_, condition) => this.#tell({ condition: (this.#lack = condition) }),
		close: (error, condition) => this.#end({ status: 'error', error, condition })
	};

	/**
	 * @param wait ceiling of the first wait before a new attempt, in milliseconds
	 * @param keepAliveTimeout see {@link Watchdog}
	 */
	constructor(owner: LinkOwner, wait: number, keepAliveTimeout?: number) {
		this.#owner = owner;
		this.#wait = wait;
		this.#watchdog = new Watchdog(
			() => this.meet('silent', new Error('Could not connect: the server fell silent')),
			keepAliveTimeout,
			(doubt) => {
				if (doubt) this.meet(doubt);
				else this.#tell({ suspect: false, condition: this.#lack });
			}
		);
	}

	/** Connects, or ends the wait for the next attempt. Does nothing while a connection exists that is not suspect. */
	open(): void {
		if (this.#connection && !this.#state.suspect && !this.#offline) return;
		if (!this.#wanted) {
			this.#wanted = true;
			this.#offline = false;
			this.#state.condition = null;
			this.#stopListening = listenForWake((condition) => this.meet(condition));
		}
		this.#connect();
	}

	/**
	 * Does what {@link LIFE} says about something that happened.
	 *
	 * @param error what the owner is told when this leaves no connection
	 */
	meet(condition: Condition, error: Error | null = null): void {
		const step = LIFE[condition][this.#state.status];
		this.#owner.debug(condition, { status: this.#state.status, step });
		this.#steps[step](error, condition);
	}

	/** Asks for the target again and connects to it at once, if the link is open. */
	replace(): void {
		if (this.#wanted) this.#attempt();
	}

	/** Call it when the server has sent everything it owed: the server works, so the next wait starts small again. */
	served(): void {
		this.#failures = 0;
	}

	/** Disconnects, on request. */
	close(): void {
		this.#end({ status: 'idle', error: null, condition: null });
	}

	#end(state: Partial<LinkState>): void {
		this.#wanted = false;
		this.#release();
		this.#stopListening();
		this.#stopListening = () => {};
		this.#tell(state);
	}

	/** Attempts at once, and begins with short waits again. */
	#connect(): void {
		this.#offline = false;
		this.#failures = 0;
		this.#attempt();
	}

	#attempt(): void {
		this.#release();
		const target = (this.#target = this.#owner.target());
		if (!target) {
			this.#offline = false;
			return this.#tell({ status: 'idle', error: null, condition: null });
		}
		this.#owner.debug('connecting', { url: target.url });
		this.#tell({ status: 'connecting' });
		try {
			this.#connection = new Source(target.EventSource, target.url, target.names, {
				onOpen: () => {
					this.#offline = false;
					this.#watchdog.heard();
					this.#tell({ status: 'connected', error: null, condition: null });
				},
				onEvent: (name, id, data) => {
					this.#heard();
					this.#owner.onEvent(name, id, data);
				},
				onLost: (reason, refused) => {
					const isOpen = this.#connection?.age != null;
					const error = new Error(`Could not connect: ${reason ?? 'no stream was answered'}`);
					this.meet(refused ? 'refused' : isOpen ? 'lost' : 'unreachable', error);
				}
			});
		} catch (error) {
			// The address is invalid. A retry would not help.
			return this.meet('invalid', error instanceof Error ? error : new Error(String(error)));
		}
		this.#watchdog.start();
	}

	/** Something came over the connection, so the network is there. */
	#heard(): void {
		this.#watchdog.heard();
		if (this.#state.condition === 'offline') this.#tell({ condition: this.#lack });
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
		this.#lack = null;
		this.#endWait();
		this.#asking?.abort();
		this.#asking = null;
		this.#watchdog.stop();
		this.#connection?.close();
		this.#connection = null;
	}

	#lose(error: Error | null, why: Condition): void {
		const age = this.#connection?.age ?? null;
		if (age !== null && age >= STABLE) this.#failures = 0;
		this.#attemptLater();
		const condition = this.#offline ? 'offline' : why;
		// Losing an open connection is normal (a deploy, a tunnel). Failing to connect is an error worth showing.
		if (age === null) this.#tell({ status: 'error', error, condition });
		else this.#tell({ status: 'connecting', error: null, condition });
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
			if (asking.signal.aborted) return;
			this.#attemptAt(due);
			this.#tell({});
			return;
		}
		if (asking.signal.aborted) return;
		if (refusal === null) return this.meet('accepted');
		this.#attemptAt(due);
		this.meet(conditionOf(refusal), refusal);
		if (refusal.status === 401) this.#owner.onUnauthorized(refusal);
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

	#tell(change: Partial<LinkState>): void {
		Object.assign(this.#state, change);
		this.#owner.onState({ ...this.#state });
	}
}
