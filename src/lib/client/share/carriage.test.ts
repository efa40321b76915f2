import { afterEach, expect, it, vi } from 'vitest';
import { Carriage } from './carriage.ts';

afterEach(() => {
	vi.useRealTimers();
});

it('a tab whose names were refused beside those of others asks again after 10 s, 20 s and so on, and after 10 s once both were accepted', () => {
	vi.useFakeTimers();
	const carriage = new Carriage();
	const waits = (seconds: number) => {
		carriage.refused();
		carriage.accepted(false);
		vi.advanceTimersByTime(seconds * 1000 - 1);
		expect(carriage.isAllowed).toBe(false);
		vi.advanceTimersByTime(1);
		expect(carriage.isAllowed).toBe(true);
	};
	for (const seconds of [10, 20, 40, 80, 160, 300, 300]) waits(seconds);
	carriage.accepted(true);
	waits(10);
});
