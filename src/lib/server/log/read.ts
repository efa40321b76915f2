import type { Queryable } from '../database/queryable.ts';
import { trimmedAfter } from './horizons.ts';
import { listed, readPageOf, type ListedRow, type Page } from './page.ts';
import type { PageSize } from './page-size.ts';
import { SESSION } from './place.ts';

/** One topic of a replay: every event after `after`. */
export interface TopicStart {
	topic: string;
	after: bigint;
}

/** Columns that say when an event was written. */
export interface Times {
	/** Milliseconds since 1970. */
	created: number;
	/** As Postgres prints it. */
	created_text: string;
}

/** SQL: the columns of {@link Times}. */
export const TIMES =
	'(extract(epoch FROM created_at) * 1000)::float8 AS created, created_at::text AS created_text';

/** Newest committed id; 0 when the log is empty. */
export async function readHead(on: Queryable): Promise<bigint> {
	const [row] = await on.query<{ head: string }>(
		'SELECT coalesce(max(id), 0)::text AS head FROM events',
		[]
	);
	return BigInt(row!.head);
}

/**
 * Reads the next events of all topics after `after`, in id order. The result is complete, because ids become visible in
 * order; only events that were trimmed meanwhile are missing. Each row has the session that read it and the trimmed topics.
 */
export function readAfter(
	on: Queryable,
	after: bigint,
	size: PageSize
): Promise<Page<ListedRow & { session: string; trimmed: string | null }>> {
	return readPageOf(on, size, ({ rows, inline }) =>
		on.query<ListedRow & { session: string; trimmed: string | null }>(
			`SELECT ${listed('$3')}, ${SESSION} AS session, ${trimmedAfter('$1::bigint')} AS trimmed
			FROM events WHERE id > $1::bigint ORDER BY events.id LIMIT $2::int`,
			[after.toString(), rows, inline]
		)
	);
}

/** The newest events up to `to`, newest first. */
export function readRecent(on: Queryable, to: bigint, size: PageSize): Promise<Page> {
	return readPageOf(on, size, ({ rows, inline }) =>
		on.query<ListedRow>(
			`SELECT ${listed('$3')} FROM events WHERE id <= $1::bigint ORDER BY events.id DESC LIMIT $2::int`,
			[to.toString(), rows, inline]
		)
	);
}

/**
 * SQL: the events of one topic for one audience between two ids, in id order. It reads one range of the replay index and no
 * other row.
 *
 * Why it compares the audience twice:
 * - Inner query: `coalesce(user_id, '') = ANY(ARRAY['7'])` and `ORDER BY coalesce(user_id, ''), id`. With `= '7'`, Postgres would
 *   drop the constant from the order. Then `ORDER BY id` is left, and Postgres may scan the primary key instead. That scan
 *   reads and discards the events of all other topics and users. An array of one element prevents this.
 * - Outer query: `audience = '7'` and `ORDER BY audience, id`. Here Postgres does drop the constant, so the range counts as
 *   ordered by id alone. Postgres can then merge several ranges lazily and reads each one only as far as needed.
 * - The inner LIMIT keeps Postgres from moving the outer condition into the inner query.
 *
 * @param range SQL of each bound: `after` is exclusive, `to` is inclusive
 */
export function topicRange(range: {
	/** Columns of `events`. */
	columns: string;
	/** A user id; `''`: everyone. */
	audience: string;
	topic: string;
	after: string;
	to: string;
	limit: string;
	newestFirst?: boolean;
}): string {
	const { columns, audience, topic, after, to, limit } = range;
	const direction = range.newestFirst ? 'DESC' : 'ASC';
	return `(SELECT ${columns} FROM (
			SELECT ${columns}, coalesce(user_id, '') AS audience FROM events
			WHERE coalesce(user_id, '') = ANY(ARRAY[${audience}::text]) AND topic = ${topic}::text
				AND id > ${after}::bigint AND id <= ${to}::bigint
			ORDER BY coalesce(user_id, '') ${direction}, events.id ${direction} LIMIT ${limit}::int
		) AS range
		WHERE audience = ${audience}::text ORDER BY audience ${direction}, range.id ${direction})`;
}

/** SQL: the audience of events for everyone. No user has this id. */
export const EVERYONE = "''";

/** Not smaller than any id. */
const END = '9223372036854775807';

/**
 * Reads a page of what a user may see: of each topic the events after its start, up to `to`, in id order over all topics.
 *
 * Each topic has two ranges: the events for everyone, and the user's own. The ranges are merged. Postgres reads from each
 * range only the rows that are sent, and one more.
 *
 * @param query.userId null: only events for everyone
 * @param query.times true: the rows also have the columns of {@link Times}
 */
export function readPage<Row extends ListedRow = ListedRow>(
	on: Queryable,
	query: {
		userId: string | null;
		starts: readonly TopicStart[];
		to: bigint;
		size: PageSize;
		times?: boolean;
	}
): Promise<Page<Row>> {
	const { userId, starts, to, size, times = false } = query;
	if (starts.length === 0)
		return Promise.resolve({ events: [], rows: [], last: null, more: false, missing: false });
	return readPageOf(on, size, ({ rows, inline }) => {
		const parameters: (string | number | null)[] = [to.toString(), rows, inline];
		const audiences = [EVERYONE];
		if (userId !== null) audiences.push(`$${parameters.push(userId)}`);
		const columns = `id, topic, user_id, size, data${times ? ', created_at' : ''}`;
		const ranges: string[] = [];
		for (const start of starts) {
			const topic = `$${parameters.push(start.topic)}`;
			const after = `$${parameters.push(start.after.toString())}`;
			for (const audience of audiences) {
				ranges.push(topicRange({ columns, audience, topic, after, to: '$1', limit: '$2' }));
			}
		}
		return on.query<Row>(
			`SELECT ${listed('$3')}${times ? `, ${TIMES}` : ''} FROM (${ranges.join(' UNION ALL ')}) AS merged ORDER BY merged.id LIMIT $2::int`,
			parameters
		);
	});
}

/** Returns the id after which the newest `last` events of a topic follow; 0 when the topic has no more than that. */
export async function readWindowStart(
	on: Queryable,
	query: { userId: string | null; topic: string; last: number }
): Promise<bigint> {
	const newest = (audience: string) =>
		topicRange({
			columns: 'id',
			audience,
			topic: '$1',
			after: '0',
			to: END,
			limit: '$2::int + 1',
			newestFirst: true
		});
	const audiences = query.userId === null ? [EVERYONE] : [EVERYONE, '$3'];
	const [row] = await on.query<{ id: string }>(
		`SELECT id::text FROM (${audiences.map(newest).join(' UNION ALL ')}) AS newest
		ORDER BY newest.id DESC OFFSET $2::int LIMIT 1`,
		[query.topic, query.last, ...(query.userId === null ? [] : [query.userId])]
	);
	return row ? BigInt(row.id) : 0n;
}

/** Returns the oldest retained event of a topic after an id that the user may see; null when there is none. */
export async function readOldest(
	on: Queryable,
	query: { userId: string | null; topic: string; after?: bigint }
): Promise<bigint | null> {
	const oldest = (audience: string) =>
		topicRange({ columns: 'id', audience, topic: '$1', after: '$2', to: END, limit: '1' });
	const audiences = query.userId === null ? [EVERYONE] : [EVERYONE, '$3'];
	const [row] = await on.query<{ id: string | null }>(
		`SELECT least(${audiences.map(oldest).join(', ')})::text AS id`,
		[query.topic, String(query.after ?? 0n), ...(query.userId === null ? [] : [query.userId])]
	);
	return row?.id ? BigInt(row.id) : null;
}
