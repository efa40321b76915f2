import type { Retention, TopicRegistry } from '$lib/protocol';
import type { Queryable } from '../database/client.ts';
import type { SoleConnection } from '../database/sole-connection.ts';
import { dropSpentPartitions } from './partitions.ts';
import { readHead } from './read.ts';

/** How many ids of the log one batch looks at, and how many events it deletes at most in one statement. */
const BATCH = 10_000;

/** The log's own topics serve questions about the recent past. */
const OWN: [string, { retention: Retention }][] = [
	['$subscribed', { retention: { seconds: 30 * 86_400 } }]
];

/** How long a topic is kept; absent: for ever. */
export interface Kept {
	topic: string;
	retention?: Retention | undefined;
}

/**
 * Trims every topic that is not kept for ever. One process at a time; bounded batches; the horizon moves first, in a
 * statement of its own, and only then are events deleted: a reader never misses an event without being able to tell.
 *
 * @param connection for this job alone: it holds a session lock while it works
 * @param signal ends the job between two batches
 * @returns how many events were deleted; null when another process is at it
 */
export async function trimLog(
	connection: SoleConnection,
	registry: TopicRegistry,
	signal?: AbortSignal
): Promise<number | null> {
	const [lock] = await connection.query<{ mine: boolean }>(
		"SELECT pg_try_advisory_lock(hashtextextended('logline.retention', 0)) AS mine",
		[]
	);
	if (!lock?.mine) return null;
	try {
		let deleted = 0;
		const head = await readHead(connection);
		const kept = [...registry, ...OWN].map(([topic, { retention }]) => ({ topic, retention }));
		await dropSpentPartitions(connection, kept, head);
		for (const { topic, retention } of kept) {
			if (retention) deleted += await trimTopic(connection, topic, retention, head, signal);
		}
		return deleted;
	} finally {
		await connection.query(
			"SELECT pg_advisory_unlock(hashtextextended('logline.retention', 0))",
			[]
		);
	}
}

async function trimTopic(
	on: Queryable,
	topic: string,
	retention: Retention,
	head: bigint,
	signal?: AbortSignal
): Promise<number> {
	const end = 'seconds' in retention ? await lastIdBefore(on, retention.seconds, head) : head;
	const [row] = await on.query<{ done: string }>(
		'SELECT done::text FROM retention_progress WHERE topic = $1',
		[topic]
	);
	let done = BigInt(row?.done ?? 0);
	let deleted = 0;
	while (done < end && !signal?.aborted) {
		const to = done + BigInt(BATCH) < end ? done + BigInt(BATCH) : end;
		deleted +=
			'seconds' in retention
				? await trimRange(on, topic, done, to)
				: await trimToLast(on, topic, done, to, retention.lastPerUser, signal);
		await on.query(
			`INSERT INTO retention_progress (topic, done) VALUES ($1, $2::bigint)
			ON CONFLICT (topic) DO UPDATE SET done = excluded.done`,
			[topic, to.toString()]
		);
		done = to;
	}
	return deleted;
}

/** Deletes a topic's events with `after < id ≤ to`. */
async function trimRange(on: Queryable, topic: string, after: bigint, to: bigint): Promise<number> {
	const range = [topic, after.toString(), to.toString()];
	await on.query(
		`INSERT INTO topic_horizons AS h (topic, audience, horizon)
		SELECT topic, coalesce(user_id, 0), max(id) FROM events
		WHERE topic = $1 AND id > $2::bigint AND id <= $3::bigint GROUP BY 1, 2
		ON CONFLICT (topic, audience) DO UPDATE SET horizon = greatest(h.horizon, excluded.horizon)`,
		range
	);
	const [row] = await on.query<{ count: string }>(
		`WITH gone AS (DELETE FROM events WHERE topic = $1 AND id > $2::bigint AND id <= $3::bigint RETURNING 1)
		SELECT count(*)::text AS count FROM gone`,
		range
	);
	return Number(row!.count);
}

/** Cuts a topic down to its newest events for each audience that has got one with `after < id ≤ to`. */
async function trimToLast(
	on: Queryable,
	topic: string,
	after: bigint,
	to: bigint,
	last: number,
	signal?: AbortSignal
): Promise<number> {
	const audiences = await on.query<{ audience: string }>(
		`SELECT DISTINCT coalesce(user_id, 0)::text AS audience FROM events
		WHERE topic = $1 AND id > $2::bigint AND id <= $3::bigint`,
		[topic, after.toString(), to.toString()]
	);
	let deleted = 0;
	for (const { audience } of audiences) {
		const [boundary] = await on.query<{ id: string }>(
			`SELECT id::text FROM events WHERE coalesce(user_id, 0) = $1::bigint AND topic = $2
			ORDER BY events.id DESC OFFSET $3::int LIMIT 1`,
			[audience, topic, last]
		);
		if (!boundary) continue;
		await on.query(
			`INSERT INTO topic_horizons AS h (topic, audience, horizon) VALUES ($1, $2::bigint, $3::bigint)
			ON CONFLICT (topic, audience) DO UPDATE SET horizon = greatest(h.horizon, excluded.horizon)`,
			[topic, audience, boundary.id]
		);
		for (let gone = BATCH; gone === BATCH && !signal?.aborted; deleted += gone) {
			const [row] = await on.query<{ count: string }>(
				`WITH gone AS (
					DELETE FROM events WHERE id IN (
						SELECT id FROM events WHERE coalesce(user_id, 0) = $1::bigint AND topic = $2 AND id <= $3::bigint
						ORDER BY events.id LIMIT ${BATCH}
					) RETURNING 1
				) SELECT count(*)::text AS count FROM gone`,
				[audience, topic, boundary.id]
			);
			gone = Number(row!.count);
		}
	}
	return deleted;
}

/**
 * The last id that was written more than `seconds` ago, by bisection of the ids: there is no index on time, and the moments
 * of the log rise with its ids. (An outbox row keeps its moment, which can be earlier than its neighbours': it is then kept
 * a little longer.)
 */
export async function lastIdBefore(on: Queryable, seconds: number, head: bigint): Promise<bigint> {
	let low = 0n;
	let high = head;
	while (low < high) {
		const middle = (low + high + 1n) / 2n;
		const [row] = await on.query<{ old: boolean }>(
			`SELECT created_at < now() - make_interval(secs => $2::float8) AS old
			FROM events WHERE id <= $1::bigint ORDER BY events.id DESC LIMIT 1`,
			[middle.toString(), seconds]
		);
		// Nothing there: it has been trimmed, so it was old.
		if (row?.old ?? true) low = middle;
		else high = middle - 1n;
	}
	return low;
}
