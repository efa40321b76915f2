/**
 * Says how many lines have come since the reader looked away from the end, for the button that leads back to it.
 *
 * @param lines oldest first; a list that keeps only so many drops its oldest
 * @param seen id of the last line at that time; null: there was none
 */
export function newLines(lines: readonly { readonly id: string }[], seen: string | null): string {
	const last = lines.findLastIndex(({ id }) => id === seen);
	const count = lines.length - 1 - last;
	if (count === 0) return 'Latest';
	// More may have come than the list keeps.
	if (last < 0 && seen !== null) return `${count}+ new lines`;
	return count === 1 ? '1 new line' : `${count} new lines`;
}
