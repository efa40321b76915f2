/** In this time, rows that slide come two thirds nearer to their place. Milliseconds. */
const PACE_MS = 60;

/** Heights of the viewport that rows may slide. From farther away, nothing that one saw is still in sight. */
const FARTHEST = 4;

/** What a reader saw before rows changed. */
interface Seen {
	readonly viewport: HTMLElement;
	readonly list: Element;
	/** The rows in view, from above, and where each began. Some may be gone when it matters. */
	readonly rows: readonly { readonly row: Element; readonly top: number }[];
	readonly ends: Ends;
}

/** Where rows begin and end on the screen, in pixels. */
interface Ends {
	readonly top: number;
	readonly bottom: number;
}

/** Keeps what a reader looks at where it is, while rows come before and after it. */
export class HeldPlace {
	#noted: Seen | null = null;
	/** What a slide began from, until it has been drawn. */
	#held: Seen | null = null;
	/** What slides. */
	#content: HTMLElement | null = null;
	/** How far it is from its place, in pixels, and when it was there. */
	#away = 0;
	#since = 0;
	#frame: number | undefined;
	/** Rows have changed since the last frame. */
	#changed = false;

	/** Call it before the rows change. */
	note(viewport: HTMLElement, list: Element): void {
		const edges = viewport.getBoundingClientRect();
		const all = list.children;
		let low = 0;
		let high = all.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (all[middle]!.getBoundingClientRect().bottom <= edges.top) low = middle + 1;
			else high = middle;
		}
		const rows: { row: Element; top: number }[] = [];
		for (let i = low; i < all.length; i++) {
			const { top } = all[i]!.getBoundingClientRect();
			if (top >= edges.bottom) break;
			rows.push({ row: all[i]!, top });
		}
		this.#noted = { viewport, list, rows, ends: endsOf(list) };
	}

	/** Call it when they have changed. */
	restore(): void {
		const noted = this.#noted;
		this.#noted = null;
		const by = noted === null ? 0 : distance(noted);
		if (noted !== null && by !== 0) noted.viewport.scrollTop -= by;
	}

	/**
	 * Lets the rows slide to their new place: a reader follows them, where a jump loses the line that is read. Call it when
	 * they have changed, instead of `restore`. Changes that come fast add up.
	 *
	 * It is no animation of the browser: that runs beside the layout, and a change that meets one makes the rows jump.
	 *
	 * @param content what is in the viewport. Nothing else may write its `style`.
	 */
	slide(content: HTMLElement): void {
		const noted = this.#noted;
		this.#noted = null;
		if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
		if (content !== this.#content) this.end();
		this.#content = content;
		this.#held = noted;
		this.#changed = true;
		this.measured();
		if (this.#frame !== undefined) return;
		this.#since = performance.now();
		this.#frame = requestAnimationFrame(this.#approach);
	}

	/** Call it when rows have got another height after `slide`: until they are drawn, they still are where they were. */
	measured(): void {
		if (this.#held === null) return;
		const by = distance(this.#held);
		if (by !== 0) this.#place(within(reach(this.#held, this.#away), this.#away + by));
	}

	/** Ends a slide: the rows are in their place. */
	end(): void {
		if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
		this.#frame = undefined;
		this.#held = null;
		this.#place(0);
		this.#content = null;
	}

	readonly #approach = (now: number): void => {
		const share = Math.exp(-Math.max(0, now - this.#since) / PACE_MS);
		this.#since = now;
		// One frame shows what has changed, where it was; the next one moves.
		if (!this.#changed) {
			this.#held = null;
			this.#place(Math.abs(this.#away * share) < 0.5 ? 0 : this.#away * share);
		}
		this.#changed = false;
		this.#frame =
			this.#away === 0 && this.#held === null ? undefined : requestAnimationFrame(this.#approach);
	};

	#place(away: number): void {
		this.#away = away;
		if (this.#content) this.#content.style.transform = away === 0 ? '' : `translateY(${away}px)`;
	}
}

/** @returns how far up the rows are to be moved back, in pixels; less than 0 is up */
function distance({ rows }: Seen): number {
	const held = rows.find(({ row }) => row.isConnected);
	return held ? held.top - held.row.getBoundingClientRect().top : 0;
}

/**
 * How far the rows may be from their place: where there were rows, there must not be an empty strip. A list may draw no more than
 * what is near, or may have dropped its oldest rows.
 *
 * @param away how far they are now
 * @returns the farthest up (0 or less) and down (0 or more)
 */
function reach({ viewport, list, ends }: Seen, away: number): Ends {
	const edges = viewport.getBoundingClientRect();
	const now = endsOf(list);
	const most = FARTHEST * viewport.clientHeight;
	return {
		top: Math.max(-most, Math.min(0, Math.min(edges.bottom, ends.bottom) - now.bottom + away)),
		bottom: Math.min(most, Math.max(0, Math.max(edges.top, ends.top) - now.top + away))
	};
}

const within = ({ top, bottom }: Ends, value: number) => Math.min(bottom, Math.max(top, value));

const endsOf = (list: Element): Ends => ({
	top: list.firstElementChild?.getBoundingClientRect().top ?? 0,
	bottom: list.lastElementChild?.getBoundingClientRect().bottom ?? 0
});
