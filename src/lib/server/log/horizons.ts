import type { Queryable } from '../database/queryable.ts';
import { arrayLiteral } from '../database/array-literal.ts';

/**
 * Reads how far topics have been trimmed for a user. Call it after the rows of a page have been read: a trim moves the
 * horizon before it deletes. So every event that the page misses is at or below the horizon read afterwards.
 *
 * @returns only topics that have been trimmed, with the largest id that may be missing
 */
export async function readHorizons(
	on: Queryable,
	query: { userId: string; topics: readonly string[] }
): Promise<Map<string, bigint>> {
	if (query.topics.length === 0) return new Map();
	const rows = await on.query<{ topic: string; horizon: string }>(
		`SELECT topic, max(horizon)::text AS horizon FROM topic_horizons
		WHERE topic = ANY($1::text[]) AND audience IN ('', $2) GROUP BY topic`,
		[arrayLiteral(query.topics), query.userId]
	);
	return new Map(rows.map((row) => [row.topic, BigInt(row.horizon)]));
}

/**
 * SQL: the topics of which events after an id were trimmed, as a JSON array; null: none. Use it in the statement that reads
 * the events after that id: the horizon moves before the deletion, so a statement that misses an event also sees its
 * horizon.
 *
 * @param after SQL of type bigint
 */
export const trimmedAfter = (after: string) =>
	`(SELECT json_agg(DISTINCT topic)::text FROM topic_horizons WHERE horizon > ${after})`;

/** Reads {@link trimmedAfter} by itself. */
export async function readTrimmed(on: Queryable, after: bigint): Promise<readonly string[]> {
	const [row] = await on.query<{ trimmed: string | null }>(
		`SELECT ${trimmedAfter('$1::bigint')} AS trimmed`,
		[after.toString()]
	);
	return parseTrimmed(row!.trimmed);
}

export const parseTrimmed = (topics: string | null): readonly string[] =>
	topics === null ? [] : (JSON.parse(topics) as string[]);

/**
 * Reads the largest horizon. Every event after it is still there, in all topics and for all users. Like {@link
 * readHorizons}, call it after the rows have been read.
 */
export async function readLastHorizon(on: Queryable): Promise<bigint> {
	const [row] = await on.query<{ horizon: string }>(
		'SELECT coalesce(max(horizon), 0)::text AS horizon FROM topic_horizons',
		[]
	);
	return BigInt(row!.horizon);
}
