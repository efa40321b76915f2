/** One figure of several rounds. */
export interface Summary {
	median: number;
	min: number;
	max: number;
}

/** @throws Error when there is nothing to summarize */
export function summarize(values: readonly number[]): Summary {
	if (values.length === 0) throw new Error('No round was measured');
	const sorted = [...values].sort((a, b) => a - b);
	return { median: quantile(sorted, 0.5), min: sorted[0]!, max: sorted[sorted.length - 1]! };
}

/**
 * Returns the value below which the given share of the values lies.
 *
 * @param sorted values in ascending order
 * @param share 0 to 1
 */
export function quantile(sorted: ArrayLike<number>, share: number): number {
	if (sorted.length === 0) return NaN;
	const place = (sorted.length - 1) * share;
	const low = sorted[Math.floor(place)]!;
	const high = sorted[Math.ceil(place)]!;
	return low + (high - low) * (place - Math.floor(place));
}
