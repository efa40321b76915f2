import { expect, it } from 'vitest';
import { keyOf } from './keys.ts';

const press = (key: string, target: object | null = null, more = {}) =>
	keyOf({
		...{ key, ctrlKey: false, metaKey: false, altKey: false, defaultPrevented: false },
		target: target as EventTarget | null,
		...more
	});

it('a letter is a key of the page only where it is not text, and not a key of the browser', () => {
	expect(press('j')).toBe('j');
	expect(press('j', { tagName: 'A' })).toBe('j');
	expect(press('j', { tagName: 'INPUT' })).toBeNull();
	expect(press('j', null, { ctrlKey: true })).toBeNull();
	expect(press('Escape', { tagName: 'A', closest: () => ({}) })).toBeNull();
	let left = false;
	expect(press('Escape', { tagName: 'INPUT', blur: () => (left = true) })).toBeNull();
	expect(left).toBe(true);
});
