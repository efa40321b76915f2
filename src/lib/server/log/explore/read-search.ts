import type { Queryable } from '../../database/queryable.ts';
import { listed, type ListedRow } from '../page.ts';
import { TIMES, timeOf, type Times } from '../topics.ts';
import { searchStatement, type Search } from './search.ts';

/** Octets of data with which an event is listed. Larger data is read when somebody asks for this event. */
const INLINE = 8192;

/** An event in a list. */
export interface FoundEvent {
	id: string;
	topic: string;
	/** true: it is for the viewer alone. false: for everyone who may see the topic. */
	mine: boolean;
	/** ISO 8601; or the text that Postgres prints, for times that ISO 8601 cannot express. */
	at: string;
	/** The data as Postgres prints it. null: it is larger than 8 kB. */
	json: string | null;
	/** Octets of the data, when `json` is null. */
	size: number | null;
}

/** Reads the newest events of a search, newest first. */
export async function readSearch(
	on: Queryable,
	search: Search,
	limit: number
): Promise<{ events: FoundEvent[]; more: boolean }> {
	const rows = await on.query<ListedRow & Times>(
		...searchStatement(search, {
			selected: `${listed(String(INLINE))}, ${TIMES}`,
			columns: 'id, topic, user_id, size, data, created_at',
			limit: limit + 1
		})
	);
	const events = rows.slice(0, limit).map((row) => ({
		id: row.id,
		topic: row.topic,
		mine: row.user_id !== null,
		at: timeOf(row),
		json: row.data,
		size: row.size
	}));
	return { events, more: rows.length > limit };
}

/**
 * Finds the page of newer events beside a page.
 *
 * @param before the page has the events before this id
 * @returns the same for the page of newer events; null: it is the page of the newest
 */
export async function readNewerPage(
	on: Queryable,
	search: Search,
	before: bigint,
	limit: number
): Promise<string | null> {
	const { filter } = search;
	const first = before - 1n;
	const after = filter.after !== undefined && filter.after > first ? filter.after : first;
	const rows = await on.query<{ id: string }>(
		...searchStatement(
			{ ...search, before: null, filter: { ...filter, after } },
			{ selected: 'id::text', columns: 'id', limit: limit + 1, oldestFirst: true }
		)
	);
	return rows[limit]?.id ?? null;
}

/** Rows that are counted. */
const MOST_COUNTED = 10_000;

/** Topics that are counted each for itself. The others are counted together. */
const APART = 8;

/** Widths of a bucket of time, in seconds: from one second to a year. */
const STEPS = [
	1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
	172_800, 604_800, 2_592_000, 7_776_000, 31_536_000
];

const MOST_BUCKETS = 60;

/** How many events of each topic were written when. */
export interface Counts {
	/** Topic, begin of the bucket in milliseconds since 1970, and events. The topic `''`: all topics that are not named. */
	buckets: { topic: string; at: number; count: number }[];
	/** Milliseconds that a bucket lasts. */
	step: number;
	/** Events that were counted. */
	counted: number;
	/** False: there are more. The newest 10,000 were counted. */
	complete: boolean;
}

/** Counts the newest events of a search. Events whose time is infinite are left out. */
export async function readCounts(on: Queryable, search: Search): Promise<Counts> {
	const [found, parameters] = searchStatement(search, {
		selected: `topic, extract(epoch FROM created_at)::float8 AS at, row_number() OVER (ORDER BY found.id DESC) AS n`,
		columns: 'id, topic, created_at',
		limit: MOST_COUNTED + 1
	});
	const rows = await on.query<{ topic: string; at: number; step: number; count: number }>(
		`WITH found AS MATERIALIZED (${found}),
		counted AS MATERIALIZED (SELECT topic, at FROM found WHERE n <= ${MOST_COUNTED} AND abs(at) < 'infinity'::float8),
		span AS (SELECT max(at) - min(at) AS seconds FROM counted),
		width AS MATERIALIZED (
			SELECT greatest(min(step), max(seconds) / ${MOST_BUCKETS}) AS step FROM span
				LEFT JOIN unnest(ARRAY[${STEPS.join(',')}]::float8[]) AS step ON step * ${MOST_BUCKETS} >= seconds
		),
		named AS (
			SELECT topic FROM counted GROUP BY topic ORDER BY count(*) DESC, topic LIMIT ${APART}
		)
		SELECT coalesce(named.topic, '') AS topic, floor(at / step) * step * 1000 AS at, step * 1000 AS step, count(*)::int AS count
		FROM counted LEFT JOIN named USING (topic) CROSS JOIN width GROUP BY 1, 2, 3
		UNION ALL SELECT NULL, NULL, NULL, count(*)::int FROM found
		ORDER BY 2, 1`,
		parameters
	);
	const total = rows.pop()!.count;
	return {
		buckets: rows.map(({ topic, at, count }) => ({ topic, at, count })),
		step: rows[0]?.step ?? 1000,
		counted: Math.min(total, MOST_COUNTED),
		complete: total <= MOST_COUNTED
	};
}
