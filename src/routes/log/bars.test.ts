import { expect, it } from 'vitest';
import { barsOf } from './bars.ts';

it('stacks the topics of a time, the most frequent at the bottom, and leaves room for times without events', () => {
	const bars = barsOf({
		step: 1000,
		counted: 7,
		complete: true,
		buckets: [
			{ topic: 'a', at: 5000, count: 1 },
			{ topic: 'b', at: 5000, count: 3 },
			{ topic: 'b', at: 8000, count: 2 }
		]
	})!;
	expect(bars).toMatchObject({ columns: 4, from: 5000, to: 9000, highest: 4 });
	expect(bars.totals).toEqual([
		['b', 5],
		['a', 1]
	]);
	expect(bars.parts).toEqual([
		{ topic: 'b', x: 0, y: 0.25, height: 0.75 },
		{ topic: 'b', x: 3, y: 0.5, height: 0.5 },
		{ topic: 'a', x: 0, y: 0, height: 0.25 }
	]);
	expect(barsOf({ step: 1, counted: 0, complete: true, buckets: [] })).toBeNull();
});
