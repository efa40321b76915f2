import type { Queryable } from '../database/client.ts';
import { arrayLiteral } from './array-literal.ts';

/**
 * Reads how far topics have been trimmed for a user. Read it after the rows of a page: the horizon moves before anything
 * is deleted, so whatever a page misses is behind the horizon that is read then.
 *
 * @returns topics that have been trimmed at all, with the largest id that may be missing
 */
export async function readHorizons(
	on: Queryable,
	query: { userId: string; topics: readonly string[] }
): Promise<Map<string, bigint>> {
	if (query.topics.length === 0) return new Map();
	const rows = await on.query<{ topic: string; horizon: string }>(
		`SELECT topic, max(horizon)::text AS horizon FROM topic_horizons
		WHERE topic = ANY($1::text[]) AND audience IN (0, $2::bigint) GROUP BY topic`,
		[arrayLiteral(query.topics), query.userId]
	);
	return new Map(rows.map((row) => [row.topic, BigInt(row.horizon)]));
}

/** Everything after it is still there, of every topic and for everybody. Like {@link readHorizons}, to be read last. */
export async function readLastHorizon(on: Queryable): Promise<bigint> {
	const [row] = await on.query<{ horizon: string }>(
		'SELECT coalesce(max(horizon), 0)::text AS horizon FROM topic_horizons',
		[]
	);
	return BigInt(row!.horizon);
}
