/**
 * Returns a Postgres array literal of text elements, for `$1::text[]` and casts from it. One parameter carries any number of
 * rows, and the driver does not have to ask the server for array types first.
 *
 * @see https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
 */
export function arrayLiteral(values: readonly (string | null)[]): string {
	let text = '{';
	for (let i = 0; i < values.length; i++) {
		const value = values[i];
		if (i > 0) text += ',';
		text +=
			value === null || value === undefined
				? 'NULL'
				: `"${value.includes('"') || value.includes('\\') ? value.replace(/["\\]/g, '\\$&') : value}"`;
	}
	return text + '}';
}
