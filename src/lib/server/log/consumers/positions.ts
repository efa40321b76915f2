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
}

const topicsOf = (rows: readonly Seen[]) => arrayLiteral(rows.map(({ topic }) => topic));
const positionsOf = (rows: readonly Seen[]) => `{${rows.map(({ position }) => position).join(',')}}`;
const begunOf = (rows: readonly Seen[]) => `{${rows.map(({ begun }) => begun).join(',')}}`;

/** SQL: the rows as they were read, if nobody has changed or locked one of them since. `mine` has all or none of them. */
const MINE = `mine AS (
	SELECT c.topic FROM consumers AS c
	JOIN unnest($2::text[], $3::bigint[], $4::int[]) AS seen(topic, position, begun) USING (topic)
	WHERE c.name = $1 AND c.position = seen.position AND c.begun = seen.begun
	FOR UPDATE OF c SKIP LOCKED
)`;
const ALL_MINE = `c.name = $1 AND c.topic = ANY ($2::text[])
	AND (SELECT count(*) FROM mine) = cardinality($2::text[])`;

/** Reads how far a consumer is. It waits for nobody. */
export async function look(on: Queryable, name: string, topics: readonly string[]): Promise<Look> {
	const rows = await on.query<{
		topic: string;
		position: string;
		begun: number;
		head: string;
		given: string;
		due: number | null;
	}>(
		`SELECT topic, position::text, begun, (SELECT coalesce(max(id), 0) FROM events)::text AS head, ${GIVEN}::text AS given,
			(SELECT (extract(epoch FROM f.next_at - clock_timestamp()) * 1000)::float8 FROM consumer_failures AS f
				WHERE f.name = $1 AND EXISTS (SELECT FROM unnest($2::text[]) AS own(topic) WHERE logline_consumes(own.topic, f.topic))
				ORDER BY f.next_at LIMIT 1) AS due
		FROM consumers WHERE name = $1 AND topic = ANY ($2::text[]) ORDER BY topic COLLATE "C"`,
		[name, arrayLiteral(topics)]
	);
	const [first] = rows;
	return {
		rows: rows.map(({ topic, position, begun }) => ({ topic, position: BigInt(position), begun })),
		head: BigInt(first?.head ?? 0),
		given: BigInt(first?.given ?? 0),
		dueInMs: first?.due ?? null
	};
}

/** Adds the rows of topics that the consumer has not read before. */
export async function addTopics(
	on: Queryable,
	name: string,
	topics: readonly string[],
	from: 'beginning' | 'now'
): Promise<void> {
	const position = from === 'now' ? '(SELECT coalesce(max(id), 0) FROM events)' : '0';
	await on.query(
		`INSERT INTO consumers (name, topic, position) SELECT $1, topic, ${position} FROM unnest($2::text[]) AS own(topic)
		ON CONFLICT DO NOTHING`,
		[name, arrayLiteral(topics)]
	);
}

/**
 * Counts a batch before it is begun. So the next process knows when this one dies in the middle of it.
 *
 * @returns the rows as they are now; null when another process is at work
 */
export async function beginBatch(
	on: Queryable,
	name: string,
	seen: readonly Seen[]
): Promise<Seen[] | null> {
	const begun = await on.query(
		`WITH ${MINE} UPDATE consumers AS c SET begun = c.begun + 1 WHERE ${ALL_MINE} RETURNING 1`,
		[name, topicsOf(seen), positionsOf(seen), begunOf(seen)]
	);
	return begun.length === 0 ? null : seen.map((row) => ({ ...row, begun: row.begun + 1 }));
}

/** Takes back the count of a batch that failed without a fault of its events. No other batch was begun meanwhile, or it stays. */
export async function takeBackBatch(
	on: Queryable,
	name: string,
	begun: readonly Seen[]
): Promise<void> {
	await on.query(
		`WITH ${MINE} UPDATE consumers AS c SET begun = greatest(c.begun - 1, 0) WHERE ${ALL_MINE}`,
		[name, topicsOf(begun), positionsOf(begun), begunOf(begun)]
	);
}

/** Moves positions past ids that have nothing for the consumer. If another process is at work, it does nothing. */
export async function passBy(
	on: Queryable,
	name: string,
	seen: readonly Seen[],
	upto: bigint
): Promise<void> {
	await on.query(
		`WITH ${MINE} UPDATE consumers AS c SET position = $5::bigint, moved_at = now()
		WHERE ${ALL_MINE} AND c.position < $5::bigint`,
		[name, topicsOf(seen), positionsOf(seen), begunOf(seen), upto.toString()]
	);
}

/** Sets positions back to the beginning: the log that they belong to was replaced. */
export async function beginAgain(
	on: Queryable,
	name: string,
	seen: readonly Seen[]
): Promise<void> {
	await on.query(
		`WITH ${MINE} UPDATE consumers AS c SET position = 0, moved_at = now() WHERE ${ALL_MINE}`,
		[name, topicsOf(seen), positionsOf(seen), begunOf(seen)]
	);
}
