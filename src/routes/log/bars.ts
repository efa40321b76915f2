import type { Counts } from 'logline/server';

/** A part of a column: how many events of one topic. */
export interface Part {
	topic: string;
	/** Columns from the left. */
	x: number;
	/** Of the highest column: from 0 at the top to 1 at the bottom. */
	y: number;
	height: number;
}

/** Counts as stacked columns. */
export interface Bars {
	parts: Part[];
	columns: number;
	/** Begin of the first column, and end of the last one, in milliseconds since 1970. */
	from: number;
	to: number;
	/** Events in the highest column. */
	highest: number;
	/** Topic → events, most first. */
	totals: [topic: string, count: number][];
}

/** Most columns. A bucket that lies outside is not drawn. */
const MOST = 200;

/** Returns the columns of counts; null: there are none. */
export function barsOf({ buckets, step }: Counts): Bars | null {
	if (buckets.length === 0) return null;
	const from = Math.min(...buckets.map(({ at }) => at));
	const columnOf = (at: number) => Math.round((at - from) / step);
	const columns = Math.min(MOST, Math.max(...buckets.map(({ at }) => columnOf(at))) + 1);
	const sums = new Map<number, number>();
	const totals = new Map<string, number>();
	for (const { at, topic, count } of buckets) {
		sums.set(columnOf(at), (sums.get(columnOf(at)) ?? 0) + count);
		totals.set(topic, (totals.get(topic) ?? 0) + count);
	}
	const highest = Math.max(...sums.values());
	const ranked = [...totals].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
	const rank = new Map(ranked.map(([topic], i) => [topic, i]));
	const tops = new Map<number, number>();
	const parts = [...buckets]
		.sort((a, b) => rank.get(a.topic)! - rank.get(b.topic)!)
		.flatMap(({ at, topic, count }) => {
			const x = columnOf(at);
			if (x >= columns) return [];
			const height = count / highest;
			const y = (tops.get(x) ?? 1) - height;
			tops.set(x, y);
			return [{ topic, x, y, height }];
		});
	return { parts, columns, from, to: from + columns * step, highest, totals: ranked };
}
