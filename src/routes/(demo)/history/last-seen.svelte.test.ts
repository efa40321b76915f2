import { expect, it, vi } from 'vitest';
import { LastSeen } from './last-seen.svelte.ts';

function browser() {
	const kept = new Map<string, string>();
	const storage = () => ({
		getItem: (key: string) => kept.get(key) ?? null,
		setItem: (key: string, value: string) => void kept.set(key, value)
	});
	return () => new LastSeen({ key: 'ada', storage });
}

it('a reader who comes back is told from where on it is new, in this page or the next one', () => {
	const open = browser();
	const first = open();
	first.back('5');
	expect(first.since, 'the first visit').toBeNull();
	first.leave('9');
	first.back('12');
	expect(first.since).toBe('9');
	first.leave('12');
	const next = open();
	next.back('100');
	expect(next.since).toBe('12');
});

it('nothing is new when nothing came', () => {
	const seen = browser()();
	seen.leave('9');
	seen.back('9');
	expect(seen.since).toBeNull();
});

it('a reader who leaves again before all was there has seen nothing of it', () => {
	const seen = browser()();
	seen.leave('9');
	seen.leave('20');
	seen.back('30');
	expect(seen.since).toBe('9');
});

it('a browser that keeps nothing, or something else, harms nobody', () => {
	vi.spyOn(console, 'debug').mockImplementation(() => {});
	const refuse = () => {
		throw new Error('SecurityError');
	};
	const seen = new LastSeen({ key: 'ada', storage: refuse });
	seen.leave('9');
	seen.back('12');
	expect(seen.since).toBe('9');
	const odd = new LastSeen({
		key: 'ada',
		storage: () => ({ getItem: () => '<b>', setItem: () => {} })
	});
	odd.back('12');
	expect(odd.since).toBeNull();
	vi.restoreAllMocks();
});
