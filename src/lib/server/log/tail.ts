import type { Logger } from '../work/logger.ts';
import type { SoleConnection } from '../database/sole-connection.ts';
import { startLoop, type Loop } from '../work/loop.ts';
import { PageSize } from './page-size.ts';
import { parseTrimmed, readTrimmed } from './horizons.ts';
import type { ListedRow } from './page.ts';
import { readFate, readStanding, settleLog, type Standing } from './place.ts';
import { readAfter } from './read.ts';
import type { LogEvent } from './types.ts';

/** Each page becomes one call of the hub. */
const PAGE = { most: 1000, bytes: 2 * 1_048_576 };

/** Receives what the tailer reads. Its methods are called synchronously, in order. */
export interface TailReader {
	/** A look at the log begins. It finds every event that is committed by now. */
	looks(): void;
	/**
	 * Delivers the next page.
	 *
	 * @param upTo id up to which the page is complete
	 * @param trimmed topics of which some events are missing because they were trimmed before they could be read
	 */
	deliver(events: LogEvent[], upTo: bigint, trimmed: readonly string[]): void;
	/** The look has reached the end of the log: nothing follows the delivered events. */
	atEnd(): void;
	/** The log was replaced, has gone back, or has lost the event that was read last. Delivery continues after `head`. */
	replaced(head: bigint): void;
	/**
	 * The log has moved to another server, which has everything that was delivered. What others have read of it after that
	 * may be lost.
	 */
	moved(): void;
}

/**
 * Reads the log after its head, once per process, and hands over every event once, in id order. A notification only makes it
 * look earlier. What it finds depends on the log alone.
 */
export class Tailer {
	readonly #connection: SoleConnection;
	readonly #logger: Logger;
	readonly #pollMs: number;
	readonly #reader: TailReader;
	readonly #size = new PageSize(PAGE);
	#tail = 0n;
	/** The event at the tail, as it was read. null when it is unknown, has no data, or was deleted since. */
	#last: LogEvent | null = null;
	#epoch = '';
	#place: string | null = null;
	/** The session on which the log was last verified to be the same. */
	#session = '';
	/** Number of consecutive looks without a result, because the connection changed in between. */
	#unsure = 0;
	/** True when the next look must verify that it is still the same log: after every failure, and at each poll. */
	#verify = false;
	/** When the log was last verified, in milliseconds of `performance.now()`. */
	#verifiedAt = -Infinity;
	#loop: Loop | null = null;
	#lastLook = 0;
	#setAside = 0;

	/** @param connection used only by the tailer, which also closes it */
	constructor(
		connection: SoleConnection,
		logger: Logger,
		reader: TailReader,
		options: { pollMs?: number } = {}
	) {
		this.#connection = connection;
		this.#logger = logger;
		this.#reader = reader;
		this.#pollMs = options.pollMs ?? 1000;
	}

	/** Id up to which every event has been handed over. */
	get tail(): bigint {
		return this.#tail;
	}

	/** Number of events that could not be sent to anybody. */
	get setAside(): number {
		return this.#setAside;
	}

	/** Epoch of the log that is being read. */
	get epoch(): string {
		return this.#epoch;
	}

	/** True when the last look failed. */
	get failing(): boolean {
		return this.#loop?.failing ?? false;
	}

	/** Time of the last successful look at the log, in milliseconds of `performance.now()`. */
	get lastLook(): number {
		return this.#lastLook;
	}

	/**
	 * Begins at the head of the log. Before `start`, `wake` does nothing: a look before the head is known would read the log
	 * from its first event.
	 */
	async begin(): Promise<bigint> {
		let standing = await readStanding(this.#connection, 0n);
		if (!standing.settled) {
			await settleLog(this.#connection);
			standing = await readStanding(this.#connection, 0n);
		}
		this.#tail = standing.head;
		this.#settleOn(standing);
		this.#lastLook = performance.now();
		return this.#tail;
	}

	/** @param event the last event that was read, if it still exists */
	#remember(event: LogEvent | undefined): void {
		// Without its data it cannot be compared later.
		this.#last = event?.id === this.#tail && event.data !== null ? event : null;
	}

	start(): void {
		this.#loop = startLoop({
			name: 'tailer',
			logger: this.#logger,
			maxBackOffMs: this.#pollMs,
			wakesFromBackOff: true,
			lines: {
				lasts: 'the log cannot be read; polling goes on',
				over: 'the log is readable again'
			},
			round: () => this.#round()
		});
	}

	/** Looks now, or once more after the current look. */
	wake(): void {
		this.#loop?.wake();
	}

	async stop(): Promise<void> {
		await this.#loop?.stop();
		await this.#connection.end();
	}

	/** @returns milliseconds until the next look */
	async #round(): Promise<number> {
		// Also when nothing goes wrong: the log may have been replaced under a connection that still works.
		if (performance.now() - this.#verifiedAt >= 0.9 * this.#pollMs) this.#verify = true;
		try {
			this.#reader.looks();
			// Deliver nothing from a connection on which the log was not verified: it may lead to another server.
			const read = (!this.#verify || (await this.#identify())) && (await this.#read());
			this.#unsure = read ? 0 : this.#unsure + 1;
			if (this.#unsure > 5) {
				throw new Error('Every statement comes from another connection: a pooler?');
			}
			if (!read) this.#verify = true;
			return read === 'all' ? this.#pollMs : 0;
		} catch (error) {
			this.#verify = true;
			throw error;
		}
	}

	#tellSetAside({ id, topic, size }: ListedRow): void {
		this.#setAside++;
		this.#logger.error(
			{ id, topic, size },
			'an event is too large to be sent, or Postgres does not hand it out: clients are told of a gap, and the log has it'
		);
	}

	/** Delivers the next page. Returns false, without delivery, when a row came from a connection that was not verified. */
	async #read(): Promise<'all' | 'more' | false> {
		const page = await readAfter(this.#connection, this.#tail, this.#size);
		if (page.rows.some(({ session }) => session !== this.#session)) return false;
		this.#lastLook = performance.now();
		if (page.last !== null) {
			// An event was deleted after it had been listed. By now the horizon covers it, so read the trimmed topics again.
			const trimmed = page.missing
				? await readTrimmed(this.#connection, this.#tail)
				: parseTrimmed(page.rows[0]?.trimmed ?? null);
			this.#tail = page.last;
			this.#remember(page.events[page.events.length - 1]);
			for (const row of page.rows) if (row.data === null) this.#tellSetAside(row);
			this.#reader.deliver(page.events, page.last, trimmed);
		}
		if (page.more) return 'more';
		this.#reader.atEnd();
		return 'all';
	}

	/** Verifies that it is still the same log. Returns false when this is not known yet. */
	async #identify(): Promise<boolean> {
		const standing = await readStanding(this.#connection, this.#tail);
		if (!standing.settled) {
			await settleLog(this.#connection);
			return false;
		}
		let replaced = standing.lost || standing.given < this.#tail || standing.epoch !== this.#epoch;
		if (!replaced && standing.session !== this.#session && this.#last) {
			const { session, fate } = await readFate(this.#connection, this.#last);
			if (session !== standing.session) return false;
			replaced = fate === 'changed' || fate === 'gone';
		}
		// Within one session no event gets lost: it was deleted.
		if (!standing.there) this.#last = null;
		if (replaced) {
			this.#logger.warn(
				{ head: standing.head.toString(), tail: this.#tail.toString() },
				'the log has been replaced, or has lost its newest events; every client begins anew'
			);
			this.#tail = standing.head;
			this.#last = null;
			this.#reader.replaced(this.#tail);
		} else if (standing.place !== this.#place) {
			this.#reader.moved();
		}
		this.#settleOn(standing);
		this.#verify = false;
		this.#verifiedAt = performance.now();
		return true;
	}

	#settleOn({ epoch, place, session }: Standing): void {
		this.#epoch = epoch;
		this.#place = place;
		this.#session = session;
	}
}
