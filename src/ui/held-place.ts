/** Keeps what a reader looks at where it is, while rows come before and after it. */
export class HeldPlace {
	#row: Element | null = null;
	#top = 0;

	/** Call it before the rows change. */
	note(viewport: HTMLElement, list: Element): void {
		const edge = viewport.getBoundingClientRect().top;
		const rows = list.children;
		let low = 0;
		let high = rows.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (rows[middle]!.getBoundingClientRect().bottom <= edge) low = middle + 1;
			else high = middle;
		}
		this.#row = rows[low] ?? null;
		this.#top = this.#row?.getBoundingClientRect().top ?? 0;
	}

	/** Call it when they have changed. */
	restore(viewport: HTMLElement): void {
		if (this.#row?.isConnected) {
			viewport.scrollTop += this.#row.getBoundingClientRect().top - this.#top;
		}
		this.#row = null;
	}
}
