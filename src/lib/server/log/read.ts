import type { Queryable } from '../database/client.ts';
import type { LogEvent } from './types.ts';

/** One topic of a replay: everything after `after`. */
export interface TopicStart {
	topic: string;
	after: bigint;
}

interface Row {
	id: string;
	topic: string;
	user_id: string | null;
	data: string;
}

const toEvent = (row: Row): LogEvent => ({
	id: BigInt(row.id),
	topic: row.topic,
	userId: row.user_id,
	data: row.data
});

const COLUMNS = 'id::text, topic, user_id::text, data::text';

/** Newest committed id; 0 when the log is empty. */
export async function readHead(on: Queryable): Promise<bigint> {
	const [row] = await on.query<{ head: string }>(
		'SELECT coalesce(max(id), 0)::text AS head FROM events',
		[]
	);
	return BigInt(row!.head);
}

/** Which log this is, and how far it goes. The epoch changes when the operator says that a backup was restored. */
export async function readIdentity(on: Queryable): Promise<{ epoch: string; head: bigint }> {
	const [row] = await on.query<{ epoch: string; head: string }>(
		'SELECT epoch::text, (SELECT coalesce(max(id), 0)::text FROM events) AS head FROM log_state',
		[]
	);
	return { epoch: row!.epoch, head: BigInt(row!.head) };
}

/** The next events of all topics after `after`, in id order. Complete, because ids become visible in order. */
export async function readAfter(on: Queryable, after: bigint, limit: number): Promise<LogEvent[]> {
	const rows = await on.query<Row>(
		`SELECT ${COLUMNS} FROM events WHERE id > $1::bigint ORDER BY events.id LIMIT $2::int`,
		[after.toString(), limit]
	);
	return rows.map(toEvent);
}

/** The newest `limit` events up to `to`, in id order. */
export async function readRecent(on: Queryable, to: bigint, limit: number): Promise<LogEvent[]> {
	const rows = await on.query<Row>(
		`SELECT ${COLUMNS} FROM events WHERE id <= $1::bigint ORDER BY events.id DESC LIMIT $2::int`,
		[to.toString(), limit]
	);
	return rows.map(toEvent).reverse();
}

/**
 * The events of one topic for one audience, between two ids, in id order: one range of the replay index, and no row beside
 * it.
 *
 * The audience is compared with an array of one. As a constant it would drop out of the order that is asked for, and then
 * Postgres may take the primary key, which has that order too, and throw away everything else that was appended meanwhile.
 * What comes out of that is compared with the constant once more: so it counts as ordered by id alone, and ranges are merged
 * while they are read, each no further than it is needed. The limit keeps the second comparison out of the first.
 *
 * @param range SQL of each bound: `after` is left out, `to` is included
 */
export function topicRange(range: {
	/** Columns of `events`. */
	columns: string;
	/** Id of a user; 0: everyone. */
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
			SELECT ${columns}, coalesce(user_id, 0) AS audience FROM events
			WHERE coalesce(user_id, 0) = ANY(ARRAY[${audience}::bigint]) AND topic = ${topic}::text
				AND id > ${after}::bigint AND id <= ${to}::bigint
			ORDER BY coalesce(user_id, 0) ${direction}, events.id ${direction} LIMIT ${limit}::int
		) AS range
		WHERE audience = ${audience}::bigint ORDER BY audience ${direction}, range.id ${direction})`;
}

/** Above every id. */
const END = '9223372036854775807';

/**
 * A page of what a user may see: of each topic the events after its start, up to `to`, in id order over all topics. Each
 * topic contributes two ranges (everyone's events, the user's own), of which no more is read than is sent, and one row.
 *
 * @param userId null: only events for everyone
 */
export async function readPage(
	on: Queryable,
	query: { userId: string | null; starts: readonly TopicStart[]; to: bigint; limit: number }
): Promise<LogEvent[]> {
	if (query.starts.length === 0) return [];
	const parameters: (string | number | null)[] = [query.to.toString(), query.limit];
	const audiences = ['0'];
	if (query.userId !== null) audiences.push(`$${parameters.push(query.userId)}`);
	const ranges: string[] = [];
	for (const start of query.starts) {
		const topic = `$${parameters.push(start.topic)}`;
		const after = `$${parameters.push(start.after.toString())}`;
		for (const audience of audiences) {
			const columns = 'id, topic, user_id, data';
			ranges.push(topicRange({ columns, audience, topic, after, to: '$1', limit: '$2' }));
		}
	}
	const rows = await on.query<Row>(
		`SELECT ${COLUMNS} FROM (${ranges.join(' UNION ALL ')}) AS merged ORDER BY merged.id LIMIT $2::int`,
		parameters
	);
	return rows.map(toEvent);
}

/** Where to start so that the newest `last` events of a topic follow: the id before them, or 0 when there are not more. */
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
	const audiences = query.userId === null ? ['0'] : ['0', '$3'];
	const [row] = await on.query<{ id: string }>(
		`SELECT id::text FROM (${audiences.map(newest).join(' UNION ALL ')}) AS newest
		ORDER BY newest.id DESC OFFSET $2::int LIMIT 1`,
		[query.topic, query.last, ...(query.userId === null ? [] : [query.userId])]
	);
	return row ? BigInt(row.id) : 0n;
}

/** The oldest event of a topic that the user may see and that is still there; null when there is none. */
export async function readOldest(
	on: Queryable,
	query: { userId: string | null; topic: string }
): Promise<bigint | null> {
	const oldest = (audience: string) =>
		topicRange({ columns: 'id', audience, topic: '$1', after: '0', to: END, limit: '1' });
	const audiences = query.userId === null ? ['0'] : ['0', '$2'];
	const [row] = await on.query<{ id: string | null }>(
		`SELECT least(${audiences.map(oldest).join(', ')})::text AS id`,
		[query.topic, ...(query.userId === null ? [] : [query.userId])]
	);
	return row?.id ? BigInt(row.id) : null;
}
