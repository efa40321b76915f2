import { describe, expect, it } from 'vitest';
import { backoffDelay, MAX_WAIT, MAX_WAIT_UNSEEN } from './backoff.ts';

const almostOne = () => 0.999_999;

describe('back-off', () => {
	it('doubles its ceiling with each failure in a row', () => {
		const ceilings = [0, 1, 2, 3].map((failures) =>
			Math.round(backoffDelay(failures, 1000, MAX_WAIT, almostOne))
		);
		expect(ceilings).toEqual([1000, 2000, 4000, 8000]);
	});

	it.each([
		['8 seconds while somebody looks', 8000, MAX_WAIT],
		['30 seconds where nobody does', 30_000, MAX_WAIT_UNSEEN]
	])('never waits longer than %s, however often it has failed', (_, most, longest) => {
		for (const failures of [5, 10, 100, 10_000]) {
			const wait = backoffDelay(failures, 3000, longest, almostOne);
			expect(wait).toBeLessThanOrEqual(most);
			expect(wait).toBeGreaterThan(most - 1);
		}
	});

	it('may wait not at all, so that clients spread over the whole time', () => {
		expect(backoffDelay(4, 3000, MAX_WAIT, () => 0)).toBe(0);
		expect(backoffDelay(1, 3000, MAX_WAIT, () => 0.5)).toBe(3000);
	});

	it('respects a first wait that is longer than the usual limit', () => {
		expect(Math.round(backoffDelay(3, 60_000, MAX_WAIT, almostOne))).toBe(60_000);
	});
});
