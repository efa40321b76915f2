import { tooOften } from './connection-refusals.ts';
import { Rate } from './rate.ts';

/** How many openings per minute a user gets for each stream that the user may have. The same number may come at once. */
const OPENINGS = 6;
/** Minimum openings per minute, whatever the limit of streams: a page whose topics change opens a new stream each time. */
const LEAST_OPENINGS = 60;

/** How often users open streams, and the sessions of users who must wait before the next one. */
export class Openings {
	readonly #rate: Rate;
	/** Session id → when it may open a stream again. These users opened too many streams and are refused without a query. */
	readonly #refused = new Map<string, number>();

	/** @param streams number of streams that a user may have open */
	constructor(streams: number) {
		const perMinute = Math.max(LEAST_OPENINGS, OPENINGS * streams);
		this.#rate = new Rate({ perMinute, atOnce: perMinute });
	}

	/** @throws LoglineError `too_many_connections` (429) when the session must still wait */
	check(session: string): void {
		const refused = (this.#refused.get(session) ?? 0) - performance.now();
		if (refused > 0) throw tooOften(refused);
	}

	/**
	 * Counts an opening.
	 *
	 * @throws LoglineError `too_many_connections` (429) when the user must wait; so must the session from then on
	 */
	count(user: string, session: string): void {
		const now = performance.now();
		const wait = this.#rate.take(user, now);
		if (wait === 0) return;
		this.#refused.set(session, now + wait);
		throw tooOften(wait);
	}

	/** Drops users and sessions that need not wait any more. */
	prune(now: number): void {
		this.#rate.prune(now);
		for (const [session, until] of this.#refused) {
			if (until <= now) this.#refused.delete(session);
		}
	}
}
