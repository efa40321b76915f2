/** The server's default interval (SSE_KEEP_ALIVE_MS), in milliseconds. */
const USUAL_INTERVAL = 15_000;
const LONGEST_INTERVAL = 3_600_000;
const SHORTEST_TIMEOUT = 10_000;
/** Minimum delay before a keep-alive counts as missed. Milliseconds. */
const SLACK = 1_000;
/** A timer that fires this late means a throttled tab or a computer that slept, not a silent server. Milliseconds. */
const LATE = 2_000;
/** After such a late timer, pending events get this time to arrive. Milliseconds. */
const GRACE = 5_000;

/** Why an open connection may be dead: a keep-alive is overdue, perhaps only because the timers of the page stood still. */
export type Doubt = 'quiet' | 'asleep';

/**
 * Detects a connection that is dead although it looks open (the laptop slept, the phone changed networks). Only missing
 * keep-alives show this.
 *
 * The client does not know the server's interval. It learns it from the time between keep-alives.
 */
export class Watchdog {
	readonly #onDead: () => void;
	readonly #onDoubt: (doubt: Doubt | null) => void;
	readonly #fixed: number | undefined;
	#timer: ReturnType<typeof setTimeout> | undefined;
	#interval = USUAL_INTERVAL;
	/** The last few intervals: a delay makes one too long and the next too short. */
	#intervals: number[] = [];
	#heardAt = 0;
	#keepAliveAt: number | null = null;
	#opened = false;
	#doubt: Doubt | null = null;
	/** When the timer fires, in milliseconds since 1970. */
	#due = 0;

	/**
	 * @param onDead called at most once per `start`; the watchdog has stopped then
	 * @param timeout milliseconds of silence that count as dead; absent: three learned intervals, at least 10 s; 0: never
	 * @param onDoubt called when an open connection has missed a keep-alive, and with null when it is heard again
	 */
	constructor(
		onDead: () => void,
		timeout?: number,
		onDoubt: (doubt: Doubt | null) => void = () => {}
	) {
		this.#onDead = onDead;
		this.#fixed = timeout;
		this.#onDoubt = onDoubt;
	}

	/** Milliseconds of silence after which the connection counts as dead. */
	get timeout(): number {
		return this.#fixed ?? Math.max(3 * this.#interval, SHORTEST_TIMEOUT);
	}

	/** Milliseconds of silence after which a keep-alive counts as missed. */
	get patience(): number {
		return Math.min(this.timeout, this.#interval + Math.max(SLACK, this.#interval / 4));
	}

	/** True when the connection has been silent for too long, even if the timer has not fired. */
	get overdue(): boolean {
		return this.#timer !== undefined && Date.now() - this.#heardAt >= this.timeout;
	}

	/** Starts watching a new connection, from its first attempt. */
	start(): void {
		this.stop();
		if (this.#fixed === 0) return;
		this.#heardAt = Date.now();
		this.#keepAliveAt = null;
		this.#opened = false;
		this.#arm(this.patience, false);
	}

	/** Call it when anything arrived. */
	heard(): void {
		this.#heardAt = Date.now();
		this.#opened = true;
		this.#doubts(null);
	}

	/** Call it when a keep-alive arrived. */
	heardKeepAlive(): void {
		this.heard();
		if (this.#keepAliveAt !== null) {
			this.#intervals = [...this.#intervals.slice(-2), this.#heardAt - this.#keepAliveAt];
			this.#interval = Math.min(Math.max(...this.#intervals), LONGEST_INTERVAL);
		}
		this.#keepAliveAt = this.#heardAt;
		// The timer may have been set when the learned interval was longer.
		if (this.#timer !== undefined && this.#due > this.#heardAt + this.patience)
			this.#arm(this.patience, false);
	}

	stop(): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;
		this.#doubts(null);
	}

	#doubts(doubt: Doubt | null): void {
		if (doubt === this.#doubt) return;
		this.#doubt = doubt;
		this.#onDoubt(doubt);
	}

	#arm(wait: number, graced: boolean): void {
		clearTimeout(this.#timer);
		this.#due = Date.now() + wait;
		this.#timer = setTimeout(() => this.#check(graced), wait);
	}

	#check(graced: boolean): void {
		const now = Date.now();
		const silence = now - this.#heardAt;
		if (silence < this.patience) {
			this.#arm(this.patience - silence, false);
		} else if (!graced && now - this.#due > LATE) {
			if (this.#opened) this.#doubts('asleep');
			this.#arm(Math.min(GRACE, this.timeout), true);
		} else if (silence < this.timeout) {
			if (this.#opened) this.#doubts('quiet');
			this.#arm(this.timeout - silence, false);
		} else {
			this.stop();
			// The server's interval may be longer than assumed. Without a longer one, the client would always disconnect
			// before it can learn it.
			if (this.#opened && this.#intervals.length === 0) {
				this.#interval = Math.min(this.#interval * 2, LONGEST_INTERVAL);
			}
			this.#onDead();
		}
	}
}
