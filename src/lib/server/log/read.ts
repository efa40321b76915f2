import { arrayLiteral } from '../database/array-literal.ts';
import type { Queryable } from '../database/queryable.ts';
import { trimmedAfter } from './horizons.ts';
import { firstOf, manyTopics } from './many-topics.ts';
import { listed, readPageOf, type ListedRow, type Page } from './page.ts';
import type { PageSize } from './page-size.ts';
import { SESSION } from './place.ts';
import { END, EVERYONE, topicRange } from './topic-range.ts';

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
 * Up to so many topics are read by a statement with one range per topic and audience. It reads no event that is not sent, and
 * half as long as {@link manyTopics} for a full page. But each number of topics is a statement of its own, and beginning it
 * costs more with each topic.
 */
const FEW = 8;

const COLUMNS = 'id, topic, user_id, size, data';
const LISTED = listed('$3');
const MANY = manyTopics(LISTED, COLUMNS);
const MANY_WITH_TIMES = manyTopics(`${LISTED}, ${TIMES}`, `${COLUMNS}, created_at`);

/**
 * Reads a page of what a user may see: of each topic the events after its start, up to `to`, in id order over all topics.
 *
 * Each topic has two ranges: the events for everyone, and the user's own.
 *
 * @param query.userId null: only events for everyone
 * @param query.times true: the rows also have the columns of {@link Times}
 */
export async function readPage<Row extends ListedRow = ListedRow>(
	on: Queryable,
	query: {
		userId: string | null;
		starts: readonly TopicStart[];
		to: bigint;
		size: PageSize;
		times?: boolean;
	}
): Promise<Page<Row>> {
	const { starts, size } = query;
	if (starts.length === 0) return { events: [], rows: [], last: null, more: false, missing: false };
	const list = starts.length <= FEW ? listFew : listMany;
	return readPageOf(on, size, (limits) => on.query<Row>(...list(query, limits)));
}

interface PageQuery {
	userId: string | null;
	starts: readonly TopicStart[];
	to: bigint;
	times?: boolean;
}

type Statement = [text: string, parameters: (string | number | null)[]];

/** The ranges are merged: Postgres reads from each range only the rows that are sent, and one more. */
function listFew(
	{ userId, starts, to, times = false }: PageQuery,
	{ rows, inline }: { rows: number; inline: number }
): Statement {
	const parameters: (string | number | null)[] = [to.toString(), rows, inline];
	const audiences = [EVERYONE];
	if (userId !== null) audiences.push(`$${parameters.push(userId)}`);
	const columns = times ? `${COLUMNS}, created_at` : COLUMNS;
	const ranges: string[] = [];
	for (const start of starts) {
		const topic = `$${parameters.push(start.topic)}`;
		const after = `$${parameters.push(start.after.toString())}`;
		for (const audience of audiences) {
			ranges.push(topicRange({ columns, audience, topic, after, to: '$1', limit: '$2' }));
		}
	}
	const text = `SELECT ${LISTED}${times ? `, ${TIMES}` : ''} FROM (${ranges.join(' UNION ALL ')}) AS merged
		ORDER BY merged.id LIMIT $2::int`;
	return [text, parameters];
}

function listMany(
	{ userId, starts, to, times = false }: PageQuery,
	{ rows, inline }: { rows: number; inline: number }
): Statement {
	const audiences = userId === null ? [''] : ['', userId];
	return [
		times ? MANY_WITH_TIMES : MANY,
		[
			to.toString(),
			rows,
			inline,
			arrayLiteral(audiences),
			arrayLiteral(starts.map(({ topic }) => topic)),
			`{${starts.map(({ after }) => after).join(',')}}`,
			firstOf(rows, starts.length * audiences.length)
		]
	];
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
