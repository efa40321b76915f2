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
 * A page of what a user may see: of each topic the events after its start, up to `to`, in id order over all topics. Each
 * topic contributes two index scans (everyone's events, the user's own) which Postgres merges: it reads the rows it
 * returns and no others.
 *
 * @param userId null: only events for everyone
 */
export async function readPage(
	on: Queryable,
	query: { userId: string | null; starts: readonly TopicStart[]; to: bigint; limit: number }
): Promise<LogEvent[]> {
	if (query.starts.length === 0) return [];
	const parameters: (string | number | null)[] = [
		query.to.toString(),
		query.userId ?? '0',
		query.limit
	];
	const scans: string[] = [];
	for (const { topic, after } of query.starts) {
		parameters.push(topic, after.toString());
		const n = parameters.length;
		for (const audience of query.userId === null ? ['0'] : ['0', '$2::bigint']) {
			scans.push(
				`(SELECT id, topic, user_id, data FROM events WHERE coalesce(user_id, 0) = ${audience} AND topic = $${n - 1} AND id > $${n}::bigint AND id <= $1::bigint)`
			);
		}
	}
	const rows = await on.query<Row>(
		`SELECT ${COLUMNS} FROM (${scans.join(' UNION ALL ')}) AS merged WHERE $2::bigint IS NOT NULL ORDER BY merged.id LIMIT $3::int`,
		parameters
	);
	return rows.map(toEvent);
}

/** Where to start so that the newest `last` events of a topic follow: the id before them, or 0 when there are not more. */
export async function readWindowStart(
	on: Queryable,
	query: { userId: string | null; topic: string; last: number }
): Promise<bigint> {
	const [row] = await on.query<{ id: string }>(
		`SELECT id::text FROM (
			(SELECT id FROM events WHERE coalesce(user_id, 0) = 0 AND topic = $1 ORDER BY events.id DESC LIMIT $3::int + 1)
			UNION ALL
			(SELECT id FROM events WHERE coalesce(user_id, 0) = $2::bigint AND $2::bigint <> 0 AND topic = $1 ORDER BY events.id DESC LIMIT $3::int + 1)
		) AS newest ORDER BY newest.id DESC OFFSET $3::int LIMIT 1`,
		[query.topic, query.userId ?? '0', query.last]
	);
	return row ? BigInt(row.id) : 0n;
}

/** The oldest event of a topic that the user may see and that is still there; null when there is none. */
export async function readOldest(
	on: Queryable,
	query: { userId: string | null; topic: string }
): Promise<bigint | null> {
	const [row] = await on.query<{ id: string | null }>(
		`SELECT least(
			(SELECT id FROM events WHERE coalesce(user_id, 0) = 0 AND topic = $1 ORDER BY events.id LIMIT 1),
			(SELECT id FROM events WHERE coalesce(user_id, 0) = $2::bigint AND topic = $1 ORDER BY events.id LIMIT 1)
		)::text AS id`,
		[query.topic, query.userId ?? '0']
	);
	return row?.id ? BigInt(row.id) : null;
}
