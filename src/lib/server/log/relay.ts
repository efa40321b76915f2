import type { Logger } from '../work/logger.ts';
import type { SoleConnection } from '../database/sole-connection.ts';
import { mayPass } from '../database/transient.ts';
import { startLoop, type Loop } from '../work/loop.ts';

/** Limits of one move: maximum rows, and octets of payload after which a page ends. */
const PAGE = { rows: 5000, octets: 4_194_304 };

/** After a failure the next page has an eighth of the size. After a success it has twice the size. */
const LESS = 8;
const MORE = 2;

/** Times in milliseconds. */
export interface RelayOptions {
	/** Time between two looks when nothing wakes it. Default: 1000. */
	pollMs?: number;
	/**
	 * Time between two surveys. A survey finds rows that a normal look misses (for example restored rows), and counts dead
	 * letters. Default: 10,000.
	 */
	surveyMs?: number;
}

/**
 * Moves committed outbox rows into the log. Every process runs a relay; the log's lock ensures that each row moves once. A
 * row that the log refuses is set aside in `dead_letters`: pages get smaller until the row is alone in one.
 */
export class Relay {
	readonly #connection: SoleConnection;
	readonly #logger: Logger;
	readonly #options: Required<RelayOptions>;
	#seen: string | null = null;
	/** Size of the next page, as a fraction of a full page. */
	#part = 1;
	#loop: Loop | null = null;
	#lastLook = performance.now();
	#emptyAt = performance.now();
	#surveyedAt = -Infinity;
	#deadLetters = 0;

	/** @param connection used only by the relay, which also closes it */
	constructor(connection: SoleConnection, logger: Logger, options: RelayOptions = {}) {
		this.#connection = connection;
		this.#logger = logger.child({ source: 'relay' });
		this.#options = { pollMs: 1000, surveyMs: 10_000, ...options };
	}

	/** True when the last look failed. */
	get failing(): boolean {
		return this.#loop?.failing ?? false;
	}

	/** Time of the last successful look at the outbox, in milliseconds of `performance.now()`. */
	get lastLook(): number {
		return this.#lastLook;
	}

	/** Time when the outbox was last empty, in milliseconds of `performance.now()`. */
	get emptyAt(): number {
		return this.#emptyAt;
	}

	/** Number of rows in `dead_letters`, counted up to 10,000, from all processes. Updated by each survey. */
	get deadLetters(): number {
		return this.#deadLetters;
	}

	start(): void {
		this.#loop = startLoop({
			name: 'relay',
			logger: this.#logger,
			maxBackOffMs: this.#options.pollMs,
			wakesFromBackOff: true,
			lines: {
				lasts: 'the outbox cannot be moved; polling goes on',
				over: 'the outbox is moved again'
			},
			round: () => this.#round()
		});
	}

	/** Looks now, or once more after the current look. */
	kick(): void {
		this.#loop?.wake();
	}

	/** Stops polling, waits for the running statement and closes the connection. */
	async stop(): Promise<void> {
		await this.#loop?.stop();
		await this.#connection.end();
	}

	/** @returns milliseconds until the next look */
	async #round(): Promise<number> {
		try {
			await this.#survey();
			return (await this.#move()) ? 0 : this.#options.pollMs;
		} catch (error) {
			// The outcome may be unknown. The next look starts again from the table.
			this.#seen = null;
			if (this.#tryLess(error)) return 0;
			throw error;
		}
	}

	/** @returns true when there is more to move */
	async #move(): Promise<boolean> {
		const rows = Math.max(1, Math.floor(PAGE.rows * this.#part));
		const [page] = await this.#connection.query<{
			refused: string | null;
			more: boolean;
			seen: string | null;
		}>(
			'SELECT refused, more, seen::text FROM logline_relay($1::pg_snapshot, $2::int, $3::bigint)',
			[this.#seen, rows, Math.ceil(PAGE.octets * this.#part)]
		);
		this.#seen = page!.seen;
		this.#part = Math.min(1, this.#part * MORE);
		this.#lastLook = performance.now();
		if (page!.refused !== null) {
			this.#deadLetters++;
			this.#logger.error(
				{ reason: page!.refused },
				'the log refused a row of the outbox: it is in dead_letters now, and the others move on'
			);
		}
		if (!page!.more) this.#emptyAt = this.#lastLook;
		return page!.more;
	}

	/** From time to time: finds rows that a normal look misses, and counts dead letters. */
	async #survey(): Promise<void> {
		if (performance.now() - this.#surveyedAt < this.#options.surveyMs) return;
		const [found] = await this.#connection.query<{ overlooked: boolean | null; dead: number }>(
			`SELECT logline_relay_overlooks($1::pg_snapshot) AS overlooked,
				(SELECT count(*)::int FROM (SELECT FROM dead_letters LIMIT 10000) AS counted) AS dead`,
			[this.#seen]
		);
		if (found!.overlooked) this.#seen = null;
		this.#deadLetters = found!.dead;
		this.#surveyedAt = performance.now();
	}

	/**
	 * Continues at once with a smaller page, when this one took too long or has a row that the log refuses.
	 *
	 * @returns false when the page cannot be smaller, or when the database is away
	 */
	#tryLess(error: unknown): boolean {
		const { code } = error as { code?: unknown };
		if (mayPass(error) && code !== '57014' && code !== 'ETIMEDOUT') return false;
		if (this.#part * PAGE.rows <= 1) return false;
		this.#part = Math.max(1 / PAGE.rows, this.#part / LESS);
		return true;
	}
}
