import { arrayLiteral } from '../../database/array-literal.ts';
import type { Queryable } from '../../database/queryable.ts';
import { GIVEN } from '../place.ts';
import type { Seen } from './types.ts';

/** How far a consumer is, and how far the log. */
export interface Look {
	/** A row for each topic, in the order of their names. */
	rows: Seen[];
	/** Newest committed id. */
	head: bigint;
	/** Last id that was given out. */
	given: bigint;
	/** Milliseconds until a failed event is due; null: none waits. */
	dueInMs: number | null;
	/** True when a position has not moved for long. */
	isOld: boolean;
}

const topicsOf = (rows: readonly Seen[]) => arrayLiteral(rows.map(({ topic }) => topic));
const positionsOf = (rows: readonly Seen[]) =>
	`{${rows.map(({ position }) => position).join(',')}}`;

/** SQL: the rows as they were read, if nobody has changed or locked one of them since. `mine` has all or none of them. */
const MINE = `mine AS (
	SELECT c.topic FROM consumers AS c
	JOIN unnest($2::text[], $3::bigint[]) AS seen(topic, position) USING (topic)
	WHERE c.name = $1 AND c.position = seen.position
	FOR UPDATE OF c SKIP LOCKED
)`;
const ALL_MINE = `c.name = $1 AND c.topic = ANY ($2::text[])
	AND (SELECT count(*) FROM mine) = cardinality($2::text[])`;

/**
 * The row of a consumer that counts its batches: how many were begun at a position. It is no topic. It is a row of its own,
 * because the others are locked while a batch runs.
 */
const COUNT = '$begun';

/** Reads how far a consumer is. It waits for nobody. */
export async function look(on: Queryable, name: string, topics: readonly string[]): Promise<Look> {
	const rows = await on.query<{
		topic: string;
		position: string;
		head: string;
		given: string;
		due: number | null;
		old: boolean;
	}>(
		`SELECT topic, position::text, (SELECT coalesce(max(id), 0) FROM events)::text AS head, ${GIVEN}::text AS given,
			(SELECT (extract(epoch FROM f.next_at - clock_timestamp()) * 1000)::float8 FROM consumer_failures AS f
				WHERE f.name = $1 AND EXISTS (SELECT FROM unnest($2::text[]) AS own(topic) WHERE logline_consumes(own.topic, f.topic))
				ORDER BY f.next_at LIMIT 1) AS due,
			moved_at < now() - interval '1 hour' AS old
		FROM consumers WHERE name = $1 AND topic = ANY ($2::text[]) ORDER BY topic COLLATE "C"`,
		[name, arrayLiteral(topics)]
	);
	const [first] = rows;
	return {
		rows: rows.map(({ topic, position }) => ({ topic, position: BigInt(position) })),
		head: BigInt(first?.head ?? 0),
		given: BigInt(first?.given ?? 0),
		dueInMs: first?.due ?? null,
		isOld: rows.some(({ old }) => old)
	};
}

/**
 * Adds the rows of topics that the consumer has not read before, or that a failover has lost.
 *
 * @param position behind which it begins; where the log has gone back behind it, at the end of the log
 */
export async function addTopics(
	on: Queryable,
	name: string,
	topics: readonly string[],
	position: bigint
): Promise<void> {
	await on.query(
		`INSERT INTO consumers (name, topic, position) SELECT $1, topic, least($3::bigint, ${GIVEN})
		FROM unnest($2::text[]) AS own(topic) ON CONFLICT DO NOTHING`,
		[name, arrayLiteral(topics), position.toString()]
	);
}

/** Least position of some rows. */
export const leastOf = ([first, ...others]: readonly Seen[]): bigint =>
	others.reduce((least, { position }) => (position < least ? position : least), first!.position);

/**
 * Counts a batch before its first handler runs. It is committed at once, so the count stays when the process dies. Only who
 * has locked the consumer's rows calls it.
 *
 * @param at where the batch begins
 * @returns how many batches were begun here before and have not ended
 */
export async function countBatch(on: Queryable, name: string, at: bigint): Promise<number> {
	const [row] = await on.query<{ begun: number }>(
		`INSERT INTO consumers AS c (name, topic, position, begun) VALUES ($1, '${COUNT}', $2::bigint, 1)
		ON CONFLICT (name, topic) DO UPDATE SET position = excluded.position, moved_at = now(),
			begun = CASE WHEN c.position = excluded.position THEN c.begun + 1 ELSE 1 END
		RETURNING begun`,
		[name, at.toString()]
	);
	return row!.begun - 1;
}

/** Takes back the count of a batch that failed without a fault of its events. */
export async function takeBackBatch(on: Queryable, name: string, at: bigint): Promise<void> {
	await on.query(
		`UPDATE consumers SET begun = greatest(begun - 1, 0) WHERE name = $1 AND topic = '${COUNT}' AND position = $2::bigint`,
		[name, at.toString()]
	);
}

/**
 * Moves positions past ids that were read and have nothing for the consumer. If another process is at work, it does nothing.
 *
 * @param upto where the page that was read ends
 */
export async function passBy(
	on: Queryable,
	name: string,
	seen: readonly Seen[],
	upto: bigint
): Promise<void> {
	await on.query(
		`WITH ${MINE} UPDATE consumers AS c SET position = $4::bigint, moved_at = now()
		WHERE ${ALL_MINE} AND c.position <= $4::bigint`,
		[name, topicsOf(seen), positionsOf(seen), upto.toString()]
	);
}

/** Says that the consumer is there. It moves nothing: nothing was read. If another process is at work, it does nothing. */
export async function touch(on: Queryable, name: string, seen: readonly Seen[]): Promise<void> {
	await on.query(`WITH ${MINE} UPDATE consumers AS c SET moved_at = now() WHERE ${ALL_MINE}`, [
		name,
		topicsOf(seen),
		positionsOf(seen)
	]);
}

/**
 * Sets positions back to the beginning: the log that they belong to was replaced. Its failures go with it: their ids are
 * those of other events now, or will be, and every event of the log comes again anyway.
 */
export async function beginAgain(
	on: Queryable,
	name: string,
	seen: readonly Seen[]
): Promise<void> {
	await on.query(
		`WITH ${MINE}, set_back AS (
			UPDATE consumers AS c SET position = 0, moved_at = now() WHERE ${ALL_MINE} RETURNING c.topic
		)
		DELETE FROM consumer_failures AS f USING set_back AS own
		WHERE f.name = $1 AND logline_consumes(own.topic, f.topic)`,
		[name, topicsOf(seen), positionsOf(seen)]
	);
}
