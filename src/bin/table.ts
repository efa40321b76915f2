/** One column's values as Postgres writes them, or null. */
export interface Column {
	name: string;
	/** OID of its type. */
	type: number;
}

/** Types whose values are read from the right. @see https://www.postgresql.org/docs/current/datatype-oid.html */
const NUMBERS = new Set([20, 21, 23, 26, 28, 700, 701, 790, 1700, 5069]);

/** Draws a result as a table, with the number of its rows below. */
export function drawTable(columns: Column[], rows: (string | null)[][]): string {
	const cells = rows.map((row) => row.map(printable));
	const widths = columns.map((column, n) =>
		Math.max(width(column.name), ...cells.map((row) => width(row[n] ?? '')))
	);
	const line = (row: string[], ...aligned: boolean[]) =>
		row
			.map((cell, n) => {
				const space = ' '.repeat((widths[n] ?? 0) - width(cell));
				return aligned[n] ? ` ${space}${cell} ` : ` ${cell}${space} `;
			})
			.join('|')
			.trimEnd();
	const right = columns.map((column) => NUMBERS.has(column.type));
	return [
		line(columns.map((column) => column.name)),
		widths.map((n) => '-'.repeat(n + 2)).join('+'),
		...cells.map((row) => line(row, ...right)),
		`(${rows.length} ${rows.length === 1 ? 'row' : 'rows'})`
	].join('\n');
}

/** A value may contain what would break the table, or steer the terminal. */
function printable(value: string | null): string {
	if (value === null) return '∅';
	return value
		.replaceAll('\n', '↵')
		.replaceAll('\t', '→')
		.replace(/\p{Cc}/gu, '�');
}

function width(text: string): number {
	return [...text].length;
}
