import type { Format } from './arguments.ts';
import { isNumber, printable, widthOf, type Column, type Row } from './cells.ts';

/** Writes one result page by page, so that it can be larger than memory. Each method returns complete lines of text. */
export interface ResultWriter {
	/** @param columns at least one; the same for each page */
	page(columns: Column[], rows: Row[]): string;
	/** @param columns also given for a result without rows */
	end(columns: Column[]): string;
}

/** Creates a writer for one result. */
export function createWriter(format: Format): ResultWriter {
	if (format === 'csv') return new CSV();
	if (format === 'json') return new JSONArray();
	return format === 'table' ? new Table() : new Expanded();
}

const counted = (rows: number) => `(${rows} ${rows === 1 ? 'row' : 'rows'})\n`;

/** Aligned columns. The first page sets their widths; later pages can make them wider. */
class Table implements ResultWriter {
	#widths: number[] | null = null;
	#count = 0;

	page(columns: Column[], rows: Row[]): string {
		const cells = rows.map((row) => row.map(printable));
		const isFirst = this.#widths === null;
		const widths = (this.#widths ??= columns.map(({ name }) => widthOf(printable(name))));
		for (const row of cells) {
			for (const [n, cell] of row.entries()) widths[n] = Math.max(widths[n] ?? 0, widthOf(cell));
		}
		this.#count += rows.length;
		const right = columns.map(isNumber);
		const lines = cells.map((row) => line(row, widths, right));
		if (isFirst) {
			lines.unshift(
				line(
					columns.map(({ name }) => printable(name)),
					widths
				),
				widths.map((n) => '-'.repeat(n + 2)).join('+')
			);
		}
		return lines.map((text) => `${text}\n`).join('');
	}

	end(columns: Column[]): string {
		return (this.#widths ? '' : this.page(columns, [])) + counted(this.#count);
	}
}

function line(row: string[], widths: number[], right: boolean[] = []): string {
	return row
		.map((cell, n) => {
			const space = ' '.repeat(Math.max(0, (widths[n] ?? 0) - widthOf(cell)));
			return right[n] ? ` ${space}${cell} ` : ` ${cell}${space} `;
		})
		.join('|')
		.trimEnd();
}

/** Each value on its own line. */
class Expanded implements ResultWriter {
	#count = 0;

	page(columns: Column[], rows: Row[]): string {
		const names = columns.map(({ name }) => printable(name));
		const width = names.reduce((most, name) => Math.max(most, widthOf(name)), 0);
		const labels = names.map((name) => name + ' '.repeat(width - widthOf(name)));
		return rows
			.map((row) => {
				const values = row.map((cell, n) => `${labels[n]} | ${printable(cell)}`.trimEnd());
				return `${[`-[ ${++this.#count} ]-`.padEnd(width + 3, '-'), ...values].join('\n')}\n`;
			})
			.join('');
	}

	end(): string {
		return counted(this.#count);
	}
}

/** @see https://www.rfc-editor.org/rfc/rfc4180, but lines end with \n; NULL is empty, as in COPY */
class CSV implements ResultWriter {
	#isFirst = true;

	page(columns: Column[], rows: Row[]): string {
		const lines = this.#isFirst ? [columns.map(({ name }) => name), ...rows] : rows;
		this.#isFirst = false;
		return lines.map((row) => `${row.map(quoted).join(',')}\n`).join('');
	}

	end(columns: Column[]): string {
		return this.#isFirst ? this.page(columns, []) : '';
	}
}

/** Quotes an empty text, so that it differs from NULL. */
function quoted(value: string | null): string {
	if (value === null) return '';
	return value === '' || /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** An array with one object per line. Numbers keep the digits that Postgres printed. */
class JSONArray implements ResultWriter {
	#isFirst = true;

	page(columns: Column[], rows: Row[]): string {
		return rows
			.map((row) => {
				const fields = row.map((value, n) => {
					const column = columns[n]!;
					return `${JSON.stringify(column.name)}:${toJSON(value, column)}`;
				});
				const start = this.#isFirst ? '[' : ',\n ';
				this.#isFirst = false;
				return `${start}{${fields.join(',')}}`;
			})
			.join('');
	}

	end(): string {
		return this.#isFirst ? '[]\n' : ']\n';
	}
}

const BOOL = 16;
const JSONS = new Set([114, 3802]);

function toJSON(value: string | null, column: Column): string {
	if (value === null) return 'null';
	if (column.type === BOOL) return String(value === 't');
	if (JSONS.has(column.type)) return value;
	// NaN and Infinity do not exist in JSON.
	if (isNumber(column) && /^-?\d/.test(value)) return value;
	return JSON.stringify(value);
}
