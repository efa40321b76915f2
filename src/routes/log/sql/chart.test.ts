import { expect, it } from 'vitest';
import { chartOf, type Chart } from './chart.ts';
import { columnOf } from './result.ts';

const TIME = columnOf('minute', 1184);
const TEXT = columnOf('topic', 25);
const NUMBER = columnOf('events', 20);

it('a chart of times keeps their distances, and stacks what the text says', () => {
	const chart = chartOf({
		columns: [TIME, TEXT, NUMBER],
		rows: [
			['2026-01-31 12:03:00+01', 'logs', '5'],
			['2026-01-31 12:00:00+01', 'logs', '1'],
			['2026-01-31 12:00:00+01', 'chat', '2'],
			['infinity', 'logs', '9'],
			['2026-01-31 12:01:00+01', 'chat', null]
		]
	}) as Chart;
	expect(chart).toMatchObject({
		axis: 'time',
		places: ['2026-01-31 12:00:00+01', '2026-01-31 12:03:00+01'],
		at: [0, 0.5],
		width: 0.5,
		series: [
			{ name: 'logs', values: [1, 5] },
			{ name: 'chat', values: [2, null] }
		],
		of: { place: 'minute', value: 'events', series: 'topic' },
		left: 2
	});
});

it('a chart of names keeps the order of the answer, and adds up what is too much to tell apart', () => {
	const rows = Array.from({ length: 12 }, (_, i) => ['all', `topic ${i}`, String(100 - i)]);
	const chart = chartOf({ columns: [TEXT, TEXT, NUMBER], rows }) as Chart;
	expect(chart.series).toHaveLength(8);
	expect(chart.series.at(-1)).toEqual({ name: 'others', values: [93 + 92 + 91 + 90 + 89] });

	const ordered = chartOf({
		columns: [TEXT, NUMBER],
		rows: [
			['b', '2'],
			['a', '1']
		]
	}) as Chart;
	expect(ordered).toMatchObject({ axis: 'category', places: ['b', 'a'], at: [0, 0.5] });
});

it('what cannot be drawn says why', () => {
	expect(chartOf({ columns: [NUMBER], rows: [['1']] })).toContain('a number in a column behind it');
	expect(chartOf({ columns: [TEXT, NUMBER], rows: [] })).toBe('There are no rows to draw.');
	expect(chartOf({ columns: [TEXT, NUMBER], rows: [['a', 'NaN']] })).toBe(
		'There are no numbers to draw.'
	);
});
