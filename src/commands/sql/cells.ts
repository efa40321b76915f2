/** A column of a result, as Postgres describes it. */
export interface Column {
	name: string;
	/** OID of the column's type. */
	type: number;
}

/** The values of a row as Postgres prints them. */
export type Row = (string | null)[];

/** Number types, shown right-aligned. @see https://www.postgresql.org/docs/current/datatype-oid.html */
const NUMBERS = new Set([20, 21, 23, 26, 28, 700, 701, 790, 1700, 5069]);

export const isNumber = (column: Column): boolean => NUMBERS.has(column.type);

/** Replaces characters that could break a table, control the terminal, or change the direction of text. */
export function printable(value: string | null): string {
	if (value === null) return '∅';
	if (/^[\x20-\x7e]*$/.test(value)) return value;
	return value
		.replaceAll('\n', '↵')
		.replaceAll('\t', '→')
		.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '�');
}

/** Characters that take two cells of a terminal. @see https://www.unicode.org/reports/tr11/ */
const WIDE =
	/^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|\ufe0f/u;

const characters = new Intl.Segmenter();

/** @returns how many cells of a terminal a text takes */
export function widthOf(text: string): number {
	if (/^[\x20-\x7e]*$/.test(text)) return text.length;
	let cells = 0;
	for (const { segment } of characters.segment(text)) cells += WIDE.test(segment) ? 2 : 1;
	return cells;
}
