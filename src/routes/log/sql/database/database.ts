import type { Problem } from '../result.ts';
import type { Answer, Answers, Order } from './messages.ts';

/** The database has an answer, and it is no. */
export class Refusal extends Error {
	constructor(readonly problem: Problem) {
		super(problem.message);
	}
}

/** The database is no more: it was ended, or it broke. */
export class Gone extends Error {}

/** A database in a worker of its own. Each has its own tables, and none outlives its page. */
export class Database {
	readonly #worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
	readonly #waiting = new Map<
		number,
		{ resolve: (value: Answers[keyof Answers]) => void; reject: (error: Error) => void }
	>();
	#n = 0;

	constructor() {
		this.#worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
			const waits = this.#waiting.get(data.n);
			this.#waiting.delete(data.n);
			if (data.ok) waits?.resolve(data.value);
			else if (!data.broken) waits?.reject(new Refusal(data.problem));
			else {
				waits?.reject(new Gone(data.problem.message));
				this.end(data.problem.message);
			}
		});
		this.#worker.addEventListener('error', (event) => {
			this.end(event.message || 'its files cannot be loaded');
		});
	}

	/**
	 * @throws Refusal when the database says no
	 * @throws Gone
	 */
	ask<O extends Order>(order: O): Promise<Answers[O['do']]> {
		const n = ++this.#n;
		return new Promise((resolve, reject) => {
			this.#waiting.set(n, { resolve: resolve as (value: unknown) => void, reject });
			this.#worker.postMessage({ ...order, n });
		});
	}

	/** Ends it in the middle of whatever it does. */
	end(why = 'it was stopped'): void {
		this.#worker.terminate();
		for (const { reject } of this.#waiting.values()) reject(new Gone(why));
		this.#waiting.clear();
	}
}
