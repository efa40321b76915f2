import { expect } from 'vitest';
import type { Page } from 'playwright-core';

/** Where the focus is. */
interface Place {
	/** The accessible name, or BODY: nowhere. */
	name: string;
	/** It is in the window, and nothing lies over it but a message in passing. */
	seen: boolean;
	/** It shows that it has the focus. What only a script can focus need not. */
	shown: boolean;
}

/** More than any page has. */
const MOST_STEPS = 80;

/** Somebody who has a keyboard and no mouse. */
export class Keyboard {
	readonly #page: Page;

	constructor(page: Page) {
		this.#page = page;
	}

	/** Returns where the focus is. */
	place(): Promise<Place> {
		return this.#page.evaluate(() => {
			const at = document.activeElement as HTMLElement | null;
			if (!at || at === document.body) return { name: 'BODY', seen: false, shown: false };
			const name =
				at.getAttribute('aria-label') ??
				document.getElementById(at.getAttribute('aria-labelledby') ?? '')?.textContent ??
				(at as HTMLInputElement).labels?.[0]?.textContent ??
				at.textContent;
			const box = at.getBoundingClientRect();
			const [left, right] = [Math.max(0, box.left), Math.min(innerWidth, box.right)];
			const [top, bottom] = [Math.max(0, box.top), Math.min(innerHeight, box.bottom)];
			const over =
				left < right && top < bottom
					? document.elementFromPoint((left + right) / 2, (top + bottom) / 2)
					: null;
			const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(at);
			return {
				name: name.replace(/\s+/g, ' ').trim() || at.tagName,
				seen:
					over !== null &&
					(at.contains(over) ||
						over.contains(at) ||
						over.closest('[data-sonner-toaster]') !== null),
				shown:
					at.tabIndex < 0 ||
					(outlineStyle !== 'none' && outlineWidth !== '0px') ||
					boxShadow !== 'none'
			};
		});
	}

	/** Waits until the focus is there and one sees it. */
	async at(name: string | RegExp): Promise<void> {
		const wanted = typeof name === 'string' ? name : (expect.stringMatching(name) as string);
		await expect
			.poll(() => this.place(), { timeout: 10_000 })
			.toEqual({ name: wanted, seen: true, shown: true });
	}

	/**
	 * Presses Tab until the focus is there. Asserts at each step that one sees where it is.
	 *
	 * @param key `Shift+Tab` goes back
	 */
	async tabTo(name: string | RegExp, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
		const passed: string[] = [];
		while (passed.length < MOST_STEPS) {
			await this.press(key);
			const place = await this.place();
			expect(place, `after ${passed.join(' > ')}`).toMatchObject({ seen: true, shown: true });
			if (isNamed(place, name)) return;
			passed.push(place.name);
		}
		throw new Error(`${key} does not reach ${String(name)}: ${passed.join(' > ')}`);
	}

	press(key: string): Promise<void> {
		return this.#page.keyboard.press(key);
	}

	type(text: string): Promise<void> {
		return this.#page.keyboard.type(text);
	}
}

function isNamed(place: Place, name: string | RegExp): boolean {
	return typeof name === 'string' ? place.name === name : name.test(place.name);
}
