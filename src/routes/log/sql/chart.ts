/** An answer as bars or lines: the first column is where, a number how much, and a text between them which. */
import type { Column, Result } from './result.ts';

/** Most series; the smallest are one, called `others`. Most places along the axis. */
const MOST = { series: 8, places: 400 };

export interface Series {
	/** Empty: the answer has only one. */
	name: string;
	/** One value for each place; null: the answer has none. */
	values: (number | null)[];
}

export interface Chart {
	/** What the places are. `time` and `number` have their distances, `category` has none. */
	axis: 'time' | 'number' | 'category';
	/** The values of the first column, as Postgres prints them. */
	places: string[];
	/** From 0 to 1: where each place is along the axis. Bars use the same, of their left edges. */
	at: number[];
	/** Width of a bar, as a part of the axis. */
	width: number;
	series: Series[];
	/** Names of the columns. */
	of: { place: string; value: string; series: string | null };
	/** Rows or places that are not drawn. */
	left: number;
}

/** @returns a sentence when the answer cannot be drawn */
export function chartOf({ columns, rows }: Pick<Result, 'columns' | 'rows'>): Chart | string {
	const value = columns.findIndex(({ kind }, i) => i > 0 && kind === 'number');
	const first = columns[0];
	if (!first || value < 0) {
		return 'A chart needs a first column for the axis, and a number in a column behind it.';
	}
	if (rows.length === 0) return 'There are no rows to draw.';
	const by = columns.findIndex(({ kind }, i) => i > 0 && i !== value && kind !== 'number');
	const axis = first.kind === 'time' || first.kind === 'number' ? first.kind : 'category';

	/** Place → series → sum. */
	const cells = new Map<string, Map<string, number>>();
	const totals = new Map<string, number>();
	let left = 0;
	for (const row of rows) {
		const place = row[0] ?? 'null';
		const amount = Number(row[value] ?? NaN);
		const known = cells.has(place) || cells.size < MOST.places;
		if (
			!Number.isFinite(amount) ||
			!known ||
			(axis !== 'category' && positionOf(place, axis) === null)
		) {
			left++;
			continue;
		}
		const name = by < 0 ? '' : (row[by] ?? 'null');
		const cell = cells.get(place) ?? new Map<string, number>();
		cell.set(name, (cell.get(name) ?? 0) + amount);
		cells.set(place, cell);
		totals.set(name, (totals.get(name) ?? 0) + Math.abs(amount));
	}
	if (cells.size === 0) return 'There are no numbers to draw.';
	const places = [...cells.keys()];
	if (axis !== 'category') {
		places.sort((a, b) => positionOf(a, axis)! - positionOf(b, axis)!);
	}
	return {
		axis,
		places,
		...spread(places, axis),
		series: seriesOf(places, cells, totals),
		of: { place: first.name, value: columns[value]!.name, series: columns[by]?.name ?? null },
		left
	};
}

function seriesOf(
	places: readonly string[],
	cells: ReadonlyMap<string, ReadonlyMap<string, number>>,
	totals: ReadonlyMap<string, number>
): Series[] {
	const names = [...totals].sort((a, b) => b[1] - a[1]).map(([name]) => name);
	const shown = names.length > MOST.series ? names.slice(0, MOST.series - 1) : names;
	const rest = names.slice(shown.length);
	const series = shown.map((name) => ({
		name,
		values: places.map((place) => cells.get(place)!.get(name) ?? null)
	}));
	if (rest.length === 0) return series;
	const values = places.map((place) => {
		const found = rest.flatMap((name) => cells.get(place)!.get(name) ?? []);
		return found.length === 0 ? null : found.reduce((sum, amount) => sum + amount);
	});
	return [...series, { name: 'others', values }];
}

/** Places the values of a column along the axis. */
function spread(places: readonly string[], axis: Chart['axis']): Pick<Chart, 'at' | 'width'> {
	const evenly = { at: places.map((_, i) => i / places.length), width: 1 / places.length };
	if (axis === 'category' || places.length < 2) return evenly;
	const values = places.map((place) => positionOf(place, axis)!);
	const gaps = values.slice(1).map((value, i) => value - values[i]!);
	const step = Math.min(...gaps.filter((gap) => gap > 0));
	const columns = (values.at(-1)! - values[0]!) / step + 1;
	// Bars that would be thinner than a pixel stand beside each other without their distances.
	if (!Number.isFinite(columns) || columns > 2 * MOST.places) {
		const range = values.at(-1)! - values[0]! || 1;
		const width = 1 / (2 * MOST.places);
		return { at: values.map((value) => ((value - values[0]!) / range) * (1 - width)), width };
	}
	return { at: values.map((value) => (value - values[0]!) / step / columns), width: 1 / columns };
}

/** @returns null: it is no such value, or one that cannot be drawn, like `infinity` */
function positionOf(
	text: string,
	axis: Exclude<Column['kind'], 'json' | 'boolean' | 'text'>
): number | null {
	const position = axis === 'number' ? Number(text) : timeOf(text);
	return Number.isFinite(position) ? position : null;
}

/** `2026-01-31 12:00:00.5+01`, as Postgres prints it, is not what every browser reads. */
function timeOf(text: string): number {
	return Date.parse(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));
}
