import type { Queryable } from '../database/queryable.ts';
import type { PageSize } from './page-size.ts';
import { SESSION } from './place.ts';
import type { LogEvent } from './types.ts';

/** Octets of text of the largest event that is read. While it is sent, it is in memory twice: as text and as a frame. */
export const LARGEST_EVENT = 16 * 1_048_576;

/** Octets of text that all rows of one list may carry together. */
const LIST_BYTES = 4 * 1_048_576;

/** Above this many octets of text, a reader waits for its turn. */
const LARGE = 1_048_576;

/**
 * Postgres always returns this many octets of text in time. So a timeout below this size has another reason than the data.
 */
const SMALL = 65_536;

/** A row of a list. It has its data only when the data is small. */
export interface ListedRow {
	id: string;
	topic: string;
	user_id: string | null;
	data: string | null;
	/** Octets of its data as text when the data is not included, else null. */
	size: number | null;
	/** True in the last row of a list that ends early: there may be more events after it, although it has room. */
	cut?: boolean | null;
}

/**
 * SQL: columns of a {@link ListedRow}, selected from a relation with the columns of `events`. A null costs the driver less
 * than a number.
 */
export const listed = (inline: string): string =>
	`id::text, topic, user_id, CASE WHEN size <= ${inline}::int THEN data::text END AS data,
	CASE WHEN size > ${inline}::int THEN size END AS size`;

/** Consecutive events of the log. */
export interface Page<Row extends ListedRow = ListedRow> {
	events: LogEvent[];
	/** The row of each event. */
	rows: readonly Row[];
	/** Id of the last listed row. null: there was none. */
	last: bigint | null;
	/** True when there may be more events after `last`. */
	more: boolean;
	/** True when some events were deleted after they had been listed. */
	missing: boolean;
}

/**
 * Reads a page with a bounded number of octets, whatever is in the log. It first lists the rows; small data is included.
 * Then it reads the data of the larger rows: as many as fit, and at least one. An event comes without data when it is larger
 * than {@link LARGEST_EVENT}, or when Postgres refuses to return it.
 *
 * Example: three rows with 1 kB, 500 kB and 900 kB, and 1 MB per page. The list has the data of the first row. A second
 * query reads the data of the second row. The third row does not fit and begins the next page.
 *
 * @param list lists rows in order, at most `rows`; a row includes its data when that has at most `inline` octets. Fewer rows
 *   than `rows` mean that there are no more, unless the last one is {@link ListedRow.cut}
 * @throws the error of the driver; the next call with the same `size` asks for less
 */
export async function readPageOf<Row extends ListedRow>(
	on: Queryable,
	size: PageSize,
	list: (limits: { rows: number; inline: number }) => Promise<Row[]>
): Promise<Page<Row>> {
	const { rows: limit, bytes } = size;
	try {
		const inline = Math.floor((bytes === 0 ? 0 : LIST_BYTES) / limit);
		const found = await list({ rows: limit, inline });
		const { count, total } = take(found, bytes);
		const more = found.length >= limit || count < found.length || found.at(-1)?.cut === true;
		const taken = count < found.length ? found.slice(0, count) : found;
		const last = taken.length > 0 ? BigInt(taken[taken.length - 1]!.id) : null;
		const rows = await fillIn(on, size, taken);
		size.came(total);
		const missing = rows.length < taken.length;
		return { events: rows.map(toEvent), rows, last, more, missing };
	} catch (error) {
		size.failed();
		throw error;
	}
}

const toEvent = (row: ListedRow): LogEvent => ({
	id: BigInt(row.id),
	topic: row.topic,
	userId: row.user_id,
	data: row.data
});

/** @returns how many of the rows fit: at least one */
function take(rows: readonly ListedRow[], bytes: number): { count: number; total: number } {
	let total = 0;
	for (let count = 0; count < rows.length; count++) {
		const { data, size } = rows[count]!;
		const octets = data?.length ?? (isTooLarge(size) ? 0 : (size ?? 0));
		if (count > 0 && total + octets > bytes) return { count, total: bytes + 1 };
		total += octets;
	}
	return { count: rows.length, total };
}

const isTooLarge = (size: number | null) => size !== null && size > LARGEST_EVENT;

/** Reads the data of the rows that were listed without it. A row that was deleted meanwhile is left out. */
async function fillIn<Row extends ListedRow>(
	on: Queryable,
	size: PageSize,
	rows: readonly Row[]
): Promise<readonly Row[]> {
	const wanted: string[] = [];
	let octets = 0;
	for (const row of rows) {
		if (row.size === null || isTooLarge(row.size)) continue;
		wanted.push(row.id);
		octets += row.size;
	}
	if (wanted.length === 0) return rows;
	const ask = () =>
		on.query<{ id: string; data: string; session: string }>(
			`SELECT id::text, data::text, ${SESSION} AS session FROM events WHERE id = ANY($1::bigint[])`,
			[`{${wanted.join(',')}}`]
		);
	let texts: Map<string, { data: string; session: string }>;
	try {
		const found = await (octets > LARGE ? size.inTurn(ask) : ask());
		texts = new Map(found.map((text) => [text.id, text]));
	} catch (error) {
		if (!isRefusal(error, octets)) throw error;
		if (size.bytes > 0 || !size.refused()) throw new EventRefused(wanted, { cause: error });
		return rows;
	}
	const present: Row[] = [];
	for (const row of rows) {
		if (row.size === null || isTooLarge(row.size)) present.push(row);
		else {
			const text = texts.get(row.id);
			// If the list has a `session` column, it is replaced by the session of this query, which read the data.
			if (text) present.push({ ...row, ...text });
		}
	}
	return present;
}

/** Postgres refused to return the data of one of these events. The next read asks for one event at a time. */
export class EventRefused extends Error {
	constructor(ids: readonly string[], options: ErrorOptions) {
		super(`Postgres does not hand out the data of event ${ids.join(', ')}`, options);
		this.name = 'EventRefused';
	}
}

/**
 * @returns true when Postgres refuses the data itself, or cannot return it in time; false when the database is away, busy or
 *   refuses the connection
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
function isRefusal(error: unknown, octets: number): boolean {
	const { code } = (error ?? {}) as { code?: unknown };
	if (typeof code !== 'string') return false;
	// Cancelled by Postgres, or timed out here: while Postgres prints a number, it does not check its own timeout.
	if (code === '57014' || code === 'ETIMEDOUT') return octets > SMALL;
	// 22: bad data. 54: program limit. 53200: out of memory. 58030: I/O error. XX: internal error or corrupt data.
	return /^(22|54|53200|58030|XX)/.test(code);
}
