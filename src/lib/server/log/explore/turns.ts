import { LoglineError } from '../../../protocol/index.ts';
import { wantedUntil } from '../../database/wanted.ts';

/** Searches of one user that may wait. */
const MOST = 4;

/**
 * Lets each user have one search at the connection. Others of the same user wait here for their turn, so that the searches of
 * one user never stand between another user and the connection.
 */
export class Turns {
	/** User → who waits, in order. A user is here while a search of the user runs. */
	readonly #waiting = new Map<string, Set<() => void>>();

	/**
	 * Runs work when it is its turn. Who disconnects meanwhile leaves the queue.
	 *
	 * @throws LoglineError `too_many_searches`; `client_gone`; what the work throws
	 */
	async take<T>(userId: string, work: () => Promise<T>): Promise<T> {
		const others = this.#waiting.get(userId);
		if (!others) this.#waiting.set(userId, new Set());
		else if (others.size >= MOST) throw tooManySearches();
		else await turnIn(others, wantedUntil());
		try {
			return await work();
		} finally {
			this.#pass(userId);
		}
	}

	#pass(userId: string): void {
		const waiting = this.#waiting.get(userId)!;
		const [next] = waiting;
		if (!next) this.#waiting.delete(userId);
		else {
			waiting.delete(next);
			next();
		}
	}
}

function turnIn(waiting: Set<() => void>, signal: AbortSignal | undefined): Promise<void> {
	return new Promise((resolve, reject) => {
		const leave = () => {
			waiting.delete(begin);
			// Nobody reads this response.
			reject(new LoglineError('client_gone', 'The client has gone.', 499));
		};
		const begin = () => {
			signal?.removeEventListener('abort', leave);
			resolve();
		};
		if (signal?.aborted) leave();
		else {
			signal?.addEventListener('abort', leave, { once: true });
			waiting.add(begin);
		}
	});
}

const tooManySearches = () =>
	new LoglineError(
		'too_many_searches',
		`${MOST + 1} searches of this user run or wait already. Wait for them, or narrow them: name a topic, or a range of ids.`,
		429,
		3
	);
