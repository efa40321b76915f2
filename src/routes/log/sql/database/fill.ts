import type { PGlite } from '@electric-sql/pglite';
import { COLUMNS } from '../columns.ts';
import type { EventRow } from './messages.ts';

/** Rows of one statement. */
const AT_ONCE = 500;

const NAMES = COLUMNS.map(({ name }) => name).join(', ');
const TYPED = COLUMNS.map(({ name, type }) => `${name} ${name === 'data' ? 'text' : type}`).join(
	', '
);
const INSERT = `INSERT INTO public.events (${NAMES})
	SELECT ${NAMES.replace(/\bdata\b/, 'data::jsonb')} FROM json_to_recordset($1) AS rows (${TYPED})`;
const CREATE = `
	DROP TABLE IF EXISTS public.events CASCADE;
	CREATE TABLE public.events (${COLUMNS.map(({ name, type }) => `${name} ${type}`).join(', ')}, PRIMARY KEY (id));
	CREATE INDEX ON public.events (topic, id)`;

/** @returns how many rows have no data, because this Postgres cannot read it: its stack is smaller than the server's */
export async function fill(
	database: PGlite,
	rows: readonly EventRow[],
	anew: boolean
): Promise<number> {
	if (anew) await database.exec(CREATE);
	let without = 0;
	for (let i = 0; i < rows.length; i += AT_ONCE) {
		without += await insert(database, rows.slice(i, i + AT_ONCE));
	}
	await database.exec('ANALYZE public.events');
	return without;
}

/** One bad row costs only its own data. */
async function insert(database: PGlite, rows: EventRow[]): Promise<number> {
	try {
		await database.query(INSERT, [JSON.stringify(rows)]);
		return 0;
	} catch (error) {
		const [only, ...others] = rows;
		if (!only) return 0;
		if (others.length === 0) {
			if (only.data === null) throw error;
			await insert(database, [{ ...only, data: null }]);
			return 1;
		}
		const half = Math.ceil(rows.length / 2);
		return (
			(await insert(database, rows.slice(0, half))) + (await insert(database, rows.slice(half)))
		);
	}
}
