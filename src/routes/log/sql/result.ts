/** Answers to questions, as the worker sends them and as the page shows and exports them. */

/** What a value is, as far as the page treats it differently. */
export type ValueKind = 'number' | 'time' | 'boolean' | 'json' | 'text';

export interface Column {
	name: string;
	/** Name of the type; `other` for types that are rarely seen. */
	type: string;
	kind: ValueKind;
}

export interface Result {
	columns: Column[];
	/** Values as Postgres prints them: a number keeps all of its digits. */
	rows: (string | null)[][];
	/** There are more rows than were read. */
	more: boolean;
	/** What Postgres says of a statement without rows: `DELETE 3`. */
	tag: string;
	notices: string[];
	ms: number;
}

/** Why a question has no answer. */
export interface Problem {
	message: string;
	detail?: string;
	hint?: string;
	/** Index in the question, in UTF-16 units. */
	at?: number;
}

/** Most of an answer that is read: the rest of its rows is left in the database. */
export const MOST_READ = { rows: 10_000, octets: 16 * 1024 * 1024 };

const TYPES: Readonly<Record<number, [type: string, kind: ValueKind]>> = {
	16: ['boolean', 'boolean'],
	19: ['name', 'text'],
	20: ['bigint', 'number'],
	21: ['smallint', 'number'],
	23: ['integer', 'number'],
	25: ['text', 'text'],
	26: ['oid', 'number'],
	114: ['json', 'json'],
	700: ['real', 'number'],
	701: ['double precision', 'number'],
	1043: ['varchar', 'text'],
	1082: ['date', 'time'],
	1083: ['time', 'text'],
	1114: ['timestamp', 'time'],
	1184: ['timestamptz', 'time'],
	1186: ['interval', 'text'],
	1700: ['numeric', 'number'],
	2950: ['uuid', 'text'],
	3802: ['jsonb', 'json']
};

/** @param oid of the type, as the protocol of Postgres names it */
export function columnOf(name: string, oid: number): Column {
	const [type, kind] = TYPES[oid] ?? ['other', 'text'];
	return { name, type, kind };
}

/** Turns the position of an error, in characters from 1, into an index of a JavaScript string. */
export function indexOf(sql: string, position: number): number {
	return [...sql].slice(0, position - 1).join('').length;
}

/** Line and column of an index, both from 1. */
export function placeOf(sql: string, at: number): { line: number; column: number } {
	const before = sql.slice(0, at).split('\n');
	return { line: before.length, column: [...before.at(-1)!].length + 1 };
}
