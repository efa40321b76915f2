import type { Retention, TopicRegistry } from '../../../protocol/index.ts';
import type { Queryable } from '../../database/queryable.ts';
import type { SoleConnection } from '../../database/sole-connection.ts';
import { trimByTime, type Timed } from './age.ts';
import { dropSpentPartitions } from './partitions.ts';
import { endOfBatch, readProgress } from '../progress.ts';
import { readFormerNames } from './former-names.ts';
import { readWaiting, WAIT_SECONDS } from './waiting.ts';
import { readHead } from '../read.ts';

/** Maximum rows that one batch looks at, and maximum events that one statement deletes. */
const BATCH = 10_000;

/** The log's own topics are needed only to answer questions about the recent past. */
const OWN = ['$subscribed', '$granted', '$revoked', '$ended'].map(
	(topic): [string, { retention: Retention }] => [topic, { retention: { seconds: 30 * 86_400 } }]
);

/**
 * Trims every topic that is not kept for ever. One process at a time runs it, in bounded batches. The horizon moves first,
 * in its own statement, and then the events are deleted. So a reader that misses an event can always see the reason.
 *
 * @param connection a session of its own, because it holds a session lock while it works; long statements of others may come between
 * @param signal stops the job between two batches
 * @param waitSeconds how long it waits for consumers that have not handled an event yet
 * @returns number of deleted events, without those of dropped partitions; null when another process runs the job
 */
export async function trimLog(
	connection: SoleConnection,
	registry: TopicRegistry,
	signal?: AbortSignal,
	waitSeconds = WAIT_SECONDS
): Promise<number | null> {
	const [lock] = await connection.query<{ mine: boolean }>(
		"SELECT pg_try_advisory_lock(hashtextextended('logline.retention', 0)) AS mine",
		[]
	);
	if (!lock?.mine) return null;
	try {
		const head = await readHead(connection);
		const waiting = await readWaiting(connection, registry);
		// The age of counted events is not known: here, it counts how long a consumer has not been seen.
		const seen = await readWaiting(connection, registry, waitSeconds);
		const timed: Timed[] = [];
		const counted: { topic: string; last: number; upto: bigint | undefined }[] = [];
		const former = await readFormerNames(connection, registry);
		for (const [declared, { retention }] of [...registry, ...OWN]) {
			if (!retention) continue;
			const upto = seen.get(declared);
			for (const topic of [declared, ...(former.get(declared) ?? [])]) {
				if ('seconds' in retention) {
					const { seconds } = retention;
					timed.push({ topic, seconds, waiting: waiting.get(declared), waitSeconds });
				} else counted.push({ topic, last: retention.lastPerUser, upto });
			}
		}
		await dropSpentPartitions(connection, timed, head, signal);
		let deleted = await trimByTime(connection, timed, head, signal);
		for (const { topic, last, upto } of counted) {
			const end = upto !== undefined && upto < head ? upto : head;
			deleted += await trimByCount(connection, topic, last, end, signal);
		}
		return deleted;
	} finally {
		await connection.query(
			"SELECT pg_advisory_unlock(hashtextextended('logline.retention', 0))",
			[]
		);
	}
}

/**
 * Keeps only the newest `last` events for each audience that got new events since the last run.
 *
 * @param head no event after it is trimmed
 * @param topic a topic, or a pattern: then the newest of each of its topics
 */
async function trimByCount(
	on: Queryable,
	topic: string,
	last: number,
	head: bigint,
	signal?: AbortSignal
): Promise<number> {
	// When `last` changes, all audiences are trimmed again.
	const rule = `last ${last}`;
	let done = (await readProgress(on, [topic], rule)).get(topic)!;
	let deleted = 0;
	while (done < head && !signal?.aborted) {
		const to = await endOfBatch(on, done, head);
		deleted += await trimToLast(on, topic, done, to, last, signal);
		if (signal?.aborted) break;
		await on.query(
			`INSERT INTO retention_progress (topic, done, rule) VALUES ($1, $2::bigint, $3)
			ON CONFLICT (topic) DO UPDATE SET done = excluded.done, rule = excluded.rule`,
			[topic, to.toString(), rule]
		);
		done = to;
	}
	return deleted;
}

/** Keeps only the newest `last` events for each audience that has an event with `after < id ≤ to`. */
async function trimToLast(
	on: Queryable,
	declared: string,
	after: bigint,
	to: bigint,
	last: number,
	signal?: AbortSignal
): Promise<number> {
	const audiences = await on.query<{ topic: string; audience: string }>(
		`SELECT DISTINCT topic, coalesce(user_id, '') AS audience FROM events
		WHERE (topic = $1 OR topic IN (SELECT known.topic FROM log_topics AS known WHERE pattern = $1))
			AND id > $2::bigint AND id <= $3::bigint`,
		[declared, after.toString(), to.toString()]
	);
	let deleted = 0;
	for (const { topic, audience } of audiences) {
		const [boundary] = await on.query<{ id: string }>(
			`SELECT id::text FROM events WHERE coalesce(user_id, '') = $1 AND topic = $2
			ORDER BY events.id DESC OFFSET $3::int LIMIT 1`,
			[audience, topic, last]
		);
		if (!boundary) continue;
		// What comes after `to` waits for a consumer, or is looked at in the next batch.
		const upto = (BigInt(boundary.id) < to ? BigInt(boundary.id) : to).toString();
		await on.query(
			`INSERT INTO topic_horizons AS h (topic, audience, horizon) VALUES ($1, $2, $3::bigint)
			ON CONFLICT (topic, audience) DO UPDATE SET horizon = greatest(h.horizon, excluded.horizon)`,
			[topic, audience, upto]
		);
		for (let gone = BATCH; gone === BATCH && !signal?.aborted; deleted += gone) {
			const [row] = await on.query<{ count: string }>(
				`WITH gone AS (
					DELETE FROM events WHERE id IN (
						SELECT id FROM events WHERE coalesce(user_id, '') = $1 AND topic = $2 AND id <= $3::bigint
						ORDER BY events.id LIMIT ${BATCH}
					) RETURNING 1
				) SELECT count(*)::text AS count FROM gone`,
				[audience, topic, upto]
			);
			gone = Number(row!.count);
		}
	}
	return deleted;
}
