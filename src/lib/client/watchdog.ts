/** What servers do unless they were told otherwise (SSE_KEEP_ALIVE_MS), in milliseconds. */
const USUAL_INTERVAL = 15_000;
const LONGEST_INTERVAL = 3_600_000;
const SHORTEST_TIMEOUT = 10_000;
/** A timer that fires this late (ms) tells of a throttled tab or a machine that slept, not of the server. */
const LATE = 2_000;
/** How long (ms) events that waited meanwhile get to arrive. */
const GRACE = 5_000;

/**
 * Notices a connection that is dead although it looks open (a laptop that slept, a phone that changed networks): there,
 * only missing keep-alives tell.
 *
 * The server's interval is not known here; it is learned from the time between keep-alives.
 */
export class Watchdog {
	readonly #onDead: () => void;
	readonly #fixed: number | undefined;
	#timer: ReturnType<typeof setTimeout> | undefined;
	#interval = USUAL_INTERVAL;
	/** The latest few, because a stall makes one too long and the next too short. */
	#intervals: number[] = [];
	#heardAt = 0;
	#keepAliveAt: number | null = null;
	#opened = false;

	/**
	 * @param onDead called once for each `start` at most; the watchdog has stopped then
	 * @param timeout milliseconds of silence that count as dead; absent: three learned intervals, at least 10 s; 0: never
	 */
	constructor(onDead: () => void, timeout?: number) {
		this.#onDead = onDead;
		this.#fixed = timeout;
	}

	/** Milliseconds of silence that count as dead. */
	get timeout(): number {
		return this.#fixed ?? Math.max(3 * this.#interval, SHORTEST_TIMEOUT);
	}

	/** Whether the connection has been silent for too long by now, timer or not. */
	get overdue(): boolean {
		return this.#timer !== undefined && Date.now() - this.#heardAt >= this.timeout;
	}

	/** Begins to watch a new connection, from its first attempt on. */
	start(): void {
		this.stop();
		if (this.#fixed === 0) return;
		this.#heardAt = Date.now();
		this.#keepAliveAt = null;
		this.#opened = false;
		this.#arm(this.timeout, false);
	}

	/** Something arrived. */
	heard(): void {
		this.#heardAt = Date.now();
		this.#opened = true;
	}

	/** A keep-alive arrived. */
	heardKeepAlive(): void {
		this.heard();
		if (this.#keepAliveAt !== null) {
			this.#intervals = [...this.#intervals.slice(-2), this.#heardAt - this.#keepAliveAt];
			this.#interval = Math.min(Math.max(...this.#intervals), LONGEST_INTERVAL);
		}
		this.#keepAliveAt = this.#heardAt;
	}

	stop(): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;
	}

	#arm(wait: number, graced: boolean): void {
		const due = Date.now() + wait;
		this.#timer = setTimeout(() => this.#check(due, graced), wait);
	}

	#check(due: number, graced: boolean): void {
		const now = Date.now();
		const left = this.#heardAt + this.timeout - now;
		if (left > 0) {
			this.#arm(left, false);
		} else if (!graced && now - due > LATE) {
			this.#arm(Math.min(GRACE, this.timeout), true);
		} else {
			this.stop();
			// Perhaps this server is only slower than we assumed, and we would never stay long enough to learn it.
			if (this.#opened && this.#intervals.length === 0) {
				this.#interval = Math.min(this.#interval * 2, LONGEST_INTERVAL);
			}
			this.#onDead();
		}
	}
}
