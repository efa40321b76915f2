import { describe, expect, it } from 'vitest';
import { backoffDelay, MAX_WAIT } from './backoff.ts';

const almostOne = () => 0.999_999;

describe('back-off', () => {
	it('doubles its ceiling with each failure in a row', () => {
		const ceilings = [0, 1, 2, 3].map((failures) =>
			Math.round(backoffDelay(failures, 1000, almostOne))
		);
		expect(ceilings).toEqual([1000, 2000, 4000, 8000]);
	});

	it('never waits longer than 30 seconds, however often it has failed', () => {
		for (const failures of [5, 10, 100, 10_000]) {
			const wait = backoffDelay(failures, 3000, almostOne);
			expect(wait).toBeLessThanOrEqual(MAX_WAIT);
			expect(wait).toBeGreaterThan(MAX_WAIT - 1);
		}
	});

	it('may wait not at all, so that clients spread over the whole time', () => {
		expect(backoffDelay(4, 3000, () => 0)).toBe(0);
		expect(backoffDelay(1, 3000, () => 0.5)).toBe(3000);
	});

	it('respects a first wait that is longer than the usual limit', () => {
		expect(Math.round(backoffDelay(3, 60_000, almostOne))).toBe(60_000);
	});
});
