/** The part of the Web Locks API that is used. */
export type Locks = Pick<LockManager, 'request' | 'query'>;

/**
 * Takes a lock of the browser. It is released when its page is closed or crashes.
 *
 * @param onLost called when another tab has taken the lock by force
 * @returns a function that releases it; null when it was not free, or the signal was aborted
 * @throws any other error of the browser, for example when the page is about to go away
 */
export function takeLock(
	locks: Locks,
	name: string,
	options: LockOptions,
	onLost: () => void = () => {}
): Promise<(() => void) | null> {
	return new Promise((resolve, reject) => {
		let state: 'pending' | 'held' | 'released' = 'pending';
		locks
			.request(name, options, (lock) => {
				if (!lock) return resolve(null);
				state = 'held';
				return new Promise<void>((done) =>
					resolve(() => {
						state = 'released';
						done();
					})
				);
			})
			.catch((error: unknown) => {
				if (state === 'held') onLost();
				else if (options.signal?.aborted) resolve(null);
				else if (state === 'pending')
					reject(error instanceof Error ? error : new Error(String(error)));
			});
	});
}

/** The right to lead a group of tabs. */
export class Bid {
	readonly #locks: Locks;
	readonly #name: string;
	readonly #onLost: () => void;
	readonly #over = new AbortController();
	#release: (() => void) | null = null;
	#isWaiting = false;

	/** @param onLost another tab has taken the lead by force */
	constructor(locks: Locks, name: string, onLost: () => void) {
		this.#locks = locks;
		this.#name = name;
		this.#onLost = onLost;
	}

	get won(): boolean {
		return this.#release !== null;
	}

	/**
	 * @param how `in turn` waits until the leader and all who waited before are gone; `by force` is for a leader that does not
	 *   respond
	 * @returns true when it leads now
	 */
	async take(how: 'if free' | 'in turn' | 'by force'): Promise<boolean> {
		if (how === 'in turn') {
			if (this.#isWaiting) return false;
			this.#isWaiting = true;
		}
		const { signal } = this.#over;
		const options: LockOptions =
			how === 'in turn' ? { signal } : how === 'if free' ? { ifAvailable: true } : { steal: true };
		let isLost = false;
		const release = await takeLock(this.#locks, this.#name, options, () => {
			isLost = true;
			if (!this.#release) return;
			this.#release = null;
			this.#onLost();
		});
		if (how === 'in turn') this.#isWaiting = false;
		if (!release || isLost) return false;
		if (signal.aborted) {
			release();
			return false;
		}
		this.#release = release;
		return true;
	}

	end(): void {
		this.#over.abort();
		this.#release?.();
		this.#release = null;
	}
}
