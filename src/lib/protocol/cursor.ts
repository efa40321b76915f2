/**
 * A cursor is the id of the last event a client received, as plain decimal text. 0 is the position before the first event.
 */

/** Largest value of a Postgres bigint. */
const MAX_ID = 9223372036854775807n;

/**
 * Parses a cursor sent by a client.
 *
 * @returns null when the text is not a plain decimal that fits a Postgres bigint
 */
export function parseCursor(text: string): bigint | null {
	if (!/^(0|[1-9][0-9]{0,18})$/.test(text)) return null;
	const id = BigInt(text);
	return id <= MAX_ID ? id : null;
}

/** Compares two ids in decimal text without converting them: the text with more digits is the larger id. */
export function compareIds(a: string, b: string): number {
	return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
