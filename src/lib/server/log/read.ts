import { arrayLiteral } from '../database/array-literal.ts';
import type { Queryable } from '../database/queryable.ts';
import { trimmedAfter } from './horizons.ts';
import { listed, readPageOf, type ListedRow, type Page } from './page.ts';
import type { PageSize } from './page-size.ts';
import { SESSION } from './place.ts';
import { END, EVERYONE, topicRange } from './topic-range.ts';
import {
	listTopics,
	startsAfter,
	withinReach,
	type TopicsQuery,
	type TopicsRow,
	type TopicStart
} from './topics.ts';

export type { TopicStart };

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

/** A page of several topics. */
export interface TopicsPage<Row extends ListedRow = ListedRow> extends Page<Row> {
	/**
	 * The starts for the next page. They are the same as the old starts from the end of this page, and cost less: a topic
	 * starts right before its next event, and one without further events is left out.
	 */
	next: readonly TopicStart[];
}

/** Reads a page of several topics. */
export async function readPage<Row extends ListedRow = ListedRow>(
	on: Queryable,
	query: TopicsQuery & { size: PageSize }
): Promise<TopicsPage<Row>> {
	const { starts, size } = query;
	if (starts.length === 0) {
		return { events: [], rows: [], last: null, more: false, missing: false, next: [] };
	}
	const { near, far, upto } = withinReach(query, size.reach);
	let found: (Row & TopicsRow)[] = [];
	const page = await readPageOf<Row>(on, size, async (limits) => {
		const statement = listTopics({ ...query, starts: near }, upto, limits);
		return (found = await on.query<Row & TopicsRow>(...statement));
	});
	const more = page.more || upto < query.to;
	if (!more) return { ...page, next: [] };
	const last = page.more && page.last !== null ? page.last : upto;
	size.reached(
		starts.reduce((least, { after }) => (after < least ? after : least), last),
		last,
		found.length
	);
	return { ...page, more, last, next: [...startsAfter(near, found, last), ...far] };
}

/**
 * Returns, for each topic, the id after which its newest `last` events follow that the user may see; 0 when the topic has no
 * more than that. It is one statement for any number of topics.
 *
 * @param query.topics `to`: events after this id do not count; default: all count
 */
export async function readWindowStarts(
	on: Queryable,
	query: {
		userId: string | null;
		topics: readonly { topic: string; last: number; to?: bigint }[];
	}
): Promise<Map<string, bigint>> {
	const { userId, topics } = query;
	const starts = new Map(topics.map(({ topic }) => [topic, 0n]));
	if (topics.length === 0) return starts;
	const newest = (audience: string) =>
		topicRange({
			columns: 'id',
			audience,
			topic: 'asked.topic',
			after: '0',
			to: 'asked.upto',
			limit: '(asked.last + 1)',
			newestFirst: true
		});
	const audiences = userId === null ? [EVERYONE] : [EVERYONE, '$4'];
	const rows = await on.query<{ topic: string; id: string }>(
		`SELECT asked.topic, start.id::text
		FROM unnest($1::text[], $2::int[], $3::bigint[]) AS asked(topic, last, upto) CROSS JOIN LATERAL (
			SELECT id FROM (${audiences.map(newest).join(' UNION ALL ')}) AS newest
			ORDER BY newest.id DESC OFFSET asked.last LIMIT 1
		) AS start`,
		[
			arrayLiteral(topics.map(({ topic }) => topic)),
			`{${topics.map(({ last }) => last).join(',')}}`,
			`{${topics.map(({ to }) => to ?? END).join(',')}}`,
			...(userId === null ? [] : [userId])
		]
	);
	for (const { topic, id } of rows) starts.set(topic, BigInt(id));
	return starts;
}

/** Does the same as {@link readWindowStarts} for one topic. */
export async function readWindowStart(
	on: Queryable,
	query: { userId: string | null; topic: string; last: number }
): Promise<bigint> {
	const { userId, topic, last } = query;
	const starts = await readWindowStarts(on, { userId, topics: [{ topic, last }] });
	return starts.get(topic)!;
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
