import { LoglineError } from '../../protocol/index.ts';
import { Rate } from './rate.ts';

/** Users whose rate is remembered. */
const MAX_USERS = 10_000;

/** What each user may ask of one process, and how one who asks too often is refused. */
export interface UserRateOptions {
	/** Requests that may come at once. */
	atOnce: number;
	/** Requests in each second after that. */
	perSecond: number;
	code: string;
	/** Says what to do. */
	message: string;
}

/** Limits how often each user may ask for something, in this process. It remembers a bounded number of users. */
export class UserRate {
	readonly #rate: Rate;
	readonly #refusal: Pick<UserRateOptions, 'code' | 'message'>;

	constructor({ atOnce, perSecond, ...refusal }: UserRateOptions) {
		this.#rate = new Rate({ atOnce, perMinute: 60 * perSecond });
		this.#refusal = refusal;
	}

	/**
	 * Counts a request of a user.
	 *
	 * @throws LoglineError (429) the refusal, with the seconds after which the user may ask again
	 */
	count(userId: string): void {
		const now = performance.now();
		if (this.#rate.size >= MAX_USERS) this.#rate.prune(now);
		const wait = this.#rate.size >= MAX_USERS ? 1000 : this.#rate.take(userId, now);
		if (wait === 0) return;
		const { code, message } = this.#refusal;
		throw new LoglineError(code, message, 429, Math.ceil(wait / 1000));
	}
}
