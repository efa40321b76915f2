import { randomID } from '../random-id.ts';
import { takeLock, type Locks } from './locks.ts';

/**
 * Tells when other tabs are gone, also when they have crashed: each tab holds a lock while it takes part. Who needs to know
 * waits for that lock.
 *
 * Whoever has waited may stand still with the lock. So a tab that comes back has another id, and another lock.
 */
export class Lives {
	readonly #locks: Locks;
	readonly #onGone: (tab: string) => void;
	/** The lock of this tab. */
	#own: { over: AbortController; lock: Promise<(() => void) | null> } | null = null;
	readonly #watched = new Map<string, AbortController>();
	#id = randomID();

	constructor(locks: Locks, onGone: (tab: string) => void) {
		this.#locks = locks;
		this.#onGone = onGone;
	}

	/** The id of this tab, until it takes part no more. */
	get id(): string {
		return this.#id;
	}

	/**
	 * This tab takes part. Others must not hear of it before: they would not find its lock.
	 *
	 * @throws what the browser throws when the page is about to go away
	 */
	async begin(): Promise<void> {
		if (!this.#own) {
			const over = new AbortController();
			const lock = takeLock(this.#locks, nameOf(this.#id), { signal: over.signal });
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

	/** This tab takes part no more, or later as another one. */
	end(): void {
		this.forget();
		this.#own?.over.abort();
		this.#own?.lock.then(
			(release) => release?.(),
			() => {} // `begin` has thrown it.
		);
		this.#own = null;
		this.#id = randomID();
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
