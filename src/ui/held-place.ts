/** In this time, rows that slide come two thirds nearer to their place. Milliseconds. */
const PACE_MS = 60;

/** Heights of the viewport that rows may slide. From farther away, nothing that one saw is still in sight. */
const FARTHEST = 4;

/** Keeps what a reader looks at where it is, while rows come before and after it. */
export class HeldPlace {
	#row: Element | null = null;
	#top = 0;
	/** How far the rows are from their place, in pixels, and when they were there. */
	#away = 0;
	#since = 0;
	#frame: number | undefined;
	/** Rows have changed since the last frame. */
	#changed = false;

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

	/**
	 * Lets the rows slide to their new place: a reader follows them, where a jump loses the line that is read. Call it when
	 * they have changed, instead of `restore`. Changes that come fast add up.
	 *
	 * It is no animation of the browser: that runs beside the layout, and a change that meets one makes the rows jump.
	 *
	 * @param content what is in the viewport
	 */
	slide(viewport: HTMLElement, content: HTMLElement): void {
		const by = this.#row?.isConnected ? this.#top - this.#row.getBoundingClientRect().top : 0;
		this.#row = null;
		if (by === 0 || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
		this.#away += by;
		if (Math.abs(this.#away) > FARTHEST * viewport.clientHeight) this.#away = 0;
		place(content, this.#away);
		this.#changed = true;
		if (this.#frame !== undefined) return;
		this.#since = performance.now();
		this.#frame = requestAnimationFrame((now) => this.#approach(content, now));
	}

	/** Ends a slide. */
	end(): void {
		if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
	}

	#approach(content: HTMLElement, now: number): void {
		// One frame shows what has changed, where it was; the next one moves.
		if (!this.#changed) this.#away *= Math.exp(-Math.max(0, now - this.#since) / PACE_MS);
		this.#changed = false;
		this.#since = now;
		if (Math.abs(this.#away) < 0.5) this.#away = 0;
		place(content, this.#away);
		this.#frame =
			this.#away === 0
				? undefined
				: requestAnimationFrame((later) => this.#approach(content, later));
	}
}

function place(content: HTMLElement, away: number): void {
	content.style.transform = away === 0 ? '' : `translateY(${away}px)`;
}
