import type { PublicLine } from './public-line.ts';

/** Time between two looks, in milliseconds. */
const EVERY_MS = 2000;
/** The longest wait after failures, in milliseconds. */
const LONGEST_MS = 30_000;
/** A longer request is given up, in milliseconds. */
const TIMEOUT_MS = 15_000;

/** The newest public lines. They are read again every two seconds, while the page is seen. */
export class LiveLines {
	#lines = $state.raw<readonly PublicLine[]>([]);
	#lost = $state(false);

	constructor(first: readonly PublicLine[]) {
		this.#lines = first;
	}

	/** Newest first. */
	get lines(): readonly PublicLine[] {
		return this.#lines;
	}

	/** The last look has failed. */
	get lost(): boolean {
		return this.#lost;
	}

	/**
	 * Begins to look.
	 *
	 * @returns a function that ends it
	 */
	start(): () => void {
		const ended = new AbortController();
		let wait = EVERY_MS;
		let timer: ReturnType<typeof setTimeout> | undefined;
		const later = () => {
			timer = document.hidden ? undefined : setTimeout(look, wait);
		};
		const look = () => {
			timer = undefined;
			void this.#look(ended.signal).then((came) => {
				if (ended.signal.aborted) return;
				this.#lost = !came;
				wait = came ? EVERY_MS : Math.min(2 * wait, LONGEST_MS);
				if (timer === undefined) later();
			});
		};
		const seen = () => {
			clearTimeout(timer);
			timer = undefined;
			if (!document.hidden) look();
		};
		document.addEventListener('visibilitychange', seen, { signal: ended.signal });
		later();
		return () => {
			ended.abort();
			clearTimeout(timer);
		};
	}

	/** @returns false when it failed */
	async #look(signal: AbortSignal): Promise<boolean> {
		try {
			const waiting = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
			const response = await fetch('/api/lines', { signal: waiting });
			if (!response.ok) return false;
			const { lines } = (await response.json()) as { lines: readonly PublicLine[] };
			this.#lines = lines;
			return true;
		} catch (error) {
			// The network, or an answer of somebody in between. The next look tells.
			if (!signal.aborted) console.debug('The newest lines could not be read', error);
			return false;
		}
	}
}
