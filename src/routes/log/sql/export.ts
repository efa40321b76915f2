import type { Column, Result } from './result.ts';

/**
 * Returns an answer as CSV with a header, and CR LF at the end of lines. NULL is an empty field, an empty text is `""`, as
 * in a COPY of Postgres.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4180
 */
export function toCsv({ columns, rows }: Pick<Result, 'columns' | 'rows'>): string {
	const line = (values: (string | null)[]) => `${values.map(field).join(',')}\r\n`;
	return [line(columns.map(({ name }) => name)), ...rows.map(line)].join('');
}

const field = (value: string | null): string => {
	if (value === null) return '';
	return value === '' || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
};

/**
 * Returns an answer as JSON: an object for each row, one a line. Numbers and JSON are written as Postgres prints them, so
 * they keep their digits. Of columns with the same name, the later ones get a number: `id`, `id 2`.
 */
export function toJson({ columns, rows }: Pick<Result, 'columns' | 'rows'>): string {
	const names = distinct(columns.map(({ name }) => name)).map((name) => JSON.stringify(name));
	const objects = rows.map(
		(row) => `{${row.map((value, i) => `${names[i]!}:${literal(value, columns[i]!)}`).join(',')}}`
	);
	return `[\n${objects.join(',\n')}\n]\n`;
}

function distinct(names: readonly string[]): string[] {
	const taken = new Set<string>();
	return names.map((name) => {
		let free = name;
		for (let n = 2; taken.has(free); n++) free = `${name} ${n}`;
		taken.add(free);
		return free;
	});
}

function literal(value: string | null, { kind }: Column): string {
	if (value === null) return 'null';
	if (kind === 'json') return value;
	if (kind === 'boolean') return String(value === 't');
	// NaN and Infinity are no numbers of JSON.
	if (kind === 'number' && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(value)) return value;
	return JSON.stringify(value);
}
