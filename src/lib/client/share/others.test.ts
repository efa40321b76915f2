import { afterEach, expect, it, vi } from 'vitest';
import { Others } from './others.ts';

afterEach(() => {
	vi.useRealTimers();
});

it('a tab that never leads remembers only the tabs of the last three minutes, however many have crashed', () => {
	vi.useFakeTimers();
	const others = new Others();
	for (let i = 0; i < 1000; i++) {
		others.need(`tab ${i}`, { names: ['a'], presence: [], state: '' });
		vi.advanceTimersByTime(1000);
	}
	expect(others.size).toBeLessThanOrEqual(181);
	vi.advanceTimersByTime(180_000);
	expect(others.needs).toEqual([]);
});
