import { takeLock, type Locks } from './locks.ts';

/**
 * Tells when other tabs are gone, also when they have crashed: each tab holds a lock while it takes part. Who needs to know
 * waits for that lock.
 */
export class Lives {
	readonly #locks: Locks;
	readonly #name: string;
	readonly #onGone: (tab: string) => void;
	/** The lock of this tab. */
	#own: { over: AbortController; lock: Promise<(() => void) | null> } | null = null;
	readonly #watched = new Map<string, AbortController>();

	/** @param tab this one */
	constructor(locks: Locks, tab: string, onGone: (tab: string) => void) {
		this.#locks = locks;
		this.#name = nameOf(tab);
		this.#onGone = onGone;
	}

	/**
	 * This tab takes part. Others must not hear of it before: they would not find its lock.
	 *
	 * @throws what the browser throws when the page is about to go away
	 */
	async begin(): Promise<void> {
		if (!this.#own) {
			const over = new AbortController();
			const lock = takeLock(this.#locks, this.#name, { signal: over.signal });
			this.#own = { over, lock };
		}
		await this.#own.lock;
	}

	/** Wants to know when a tab is gone. */
	watch(tab: string): void {
		if (this.#watched.has(tab)) return;
		const over = new AbortController();
		this.#watched.set(tab, over);
		void this.#wait(tab, over.signal);
	}

	/** Does not want to know any more: about one tab, or about all. */
	forget(tab?: string): void {
		for (const each of tab === undefined ? [...this.#watched.keys()] : [tab]) {
			this.#watched.get(each)?.abort();
			this.#watched.delete(each);
		}
	}

	/** This tab takes part no more. */
	end(): void {
		this.forget();
		this.#own?.over.abort();
		this.#own?.lock.then(
			(release) => release?.(),
			() => {} // `begin` has thrown it.
		);
		this.#own = null;
	}

	async #wait(tab: string, signal: AbortSignal): Promise<void> {
		// Without the lock, nothing is known of the tab until it says that it is gone.
		const release = await takeLock(this.#locks, nameOf(tab), { signal }).catch(() => null);
		release?.();
		if (!release || signal.aborted) return;
		this.#watched.delete(tab);
		this.#onGone(tab);
	}
}

const nameOf = (tab: string) => `logline:tab ${tab}`;
