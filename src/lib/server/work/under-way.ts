/** Counts running work, so that a shutdown can wait for it. */
export class UnderWay {
	#count = 0;
	#onIdle: (() => void) | null = null;

	/**
	 * Counts one more.
	 *
	 * @returns a function to call at its end
	 */
	begin(): () => void {
		this.#count++;
		return () => {
			this.#count--;
			if (this.#count === 0) this.#onIdle?.();
		};
	}

	/** Resolves when no work is running, or after `ms` milliseconds. */
	async idle(ms: number): Promise<void> {
		if (this.#count === 0) return;
		let timer: NodeJS.Timeout | undefined;
		await new Promise<void>((resolve) => {
			this.#onIdle = resolve;
			timer = setTimeout(resolve, ms);
		});
		clearTimeout(timer);
	}
}
