/**
 * Cursors: the id of the last event a client received, as plain decimal text. 0 stands before the first event.
 */

/** Largest id Postgres can give (bigint). */
const MAX_ID = 9223372036854775807n;

/**
 * Reads a cursor as a client sends it.
 *
 * @returns null when the text is not a plain decimal that fits a Postgres bigint.
 */
export function parseCursor(text: string): bigint | null {
	if (!/^(0|[1-9][0-9]{0,18})$/.test(text)) return null;
	const id = BigInt(text);
	return id <= MAX_ID ? id : null;
}

/** Orders two ids in decimal text without converting them: the longer one is larger. */
export function compareIds(a: string, b: string): number {
	return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
