import type { Queryable } from '../database/queryable.ts';
import { arrayLiteral } from '../database/array-literal.ts';

/** Where topics begin and end. */
export interface Edges {
	/** Only topics that have been trimmed, with the largest id that may be missing. */
	horizons: Map<string, bigint>;
	/** Only topics that have ended, with the id of their `$ended`. */
	ended: Map<string, bigint>;
}

/**
 * Reads how far topics have been trimmed for a user, and which of them have ended. Call it after the rows of a page have been
 * read: a trim moves the horizon before it deletes. So every event that the page misses is at or below the horizon read
 * afterwards.
 */
export async function readEdges(
	on: Queryable,
	query: { userId: string; topics: readonly string[] }
): Promise<Edges> {
	const edges: Edges = { horizons: new Map(), ended: new Map() };
	if (query.topics.length === 0) return edges;
	const rows = await on.query<{ topic: string; horizon: string | null; ended: string | null }>(
		`SELECT topic, max(horizon)::text AS horizon, NULL AS ended FROM topic_horizons
		WHERE topic = ANY($1::text[]) AND audience IN ('', $2) GROUP BY topic
		UNION ALL
		SELECT topic, NULL, ended_id::text FROM log_topics WHERE topic = ANY($1::text[]) AND ended_id IS NOT NULL`,
		[arrayLiteral(query.topics), query.userId]
	);
	for (const { topic, horizon, ended } of rows) {
		if (horizon !== null) edges.horizons.set(topic, BigInt(horizon));
		if (ended !== null) edges.ended.set(topic, BigInt(ended));
	}
	return edges;
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
 * readEdges}, call it after the rows have been read.
 */
export async function readLastHorizon(on: Queryable): Promise<bigint> {
	const [row] = await on.query<{ horizon: string }>(
		'SELECT coalesce(max(horizon), 0)::text AS horizon FROM topic_horizons',
		[]
	);
	return BigInt(row!.horizon);
}
