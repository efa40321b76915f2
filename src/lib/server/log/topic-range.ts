/**
 * SQL: the events of one topic for one audience between two ids, in id order. It reads one range of the replay index and no
 * other row.
 *
 * Why it compares the audience twice:
 * - Inner query: `coalesce(user_id, '') = ANY(ARRAY['7'])` and `ORDER BY coalesce(user_id, ''), id`. With `= '7'`, Postgres would
 *   drop the constant from the order. Then `ORDER BY id` is left, and Postgres may scan the primary key instead. That scan
 *   reads and discards the events of all other topics and users. An array of one element prevents this.
 * - Outer query: `audience = '7'` and `ORDER BY audience, id`. Here Postgres does drop the constant, so the range counts as
 *   ordered by id alone. Postgres can then merge several ranges lazily and reads each one only as far as needed.
 * - The inner LIMIT keeps Postgres from moving the outer condition into the inner query.
 *
 * @param range SQL of each bound: `after` is exclusive, `to` is inclusive
 */
export function topicRange(range: {
	/** Columns of `events`. */
	columns: string;
	/** A user id; `''`: everyone. */
	audience: string;
	topic: string;
	after: string;
	to: string;
	limit: string;
	newestFirst?: boolean;
	/** More conditions on the events. They are checked row by row. */
	where?: readonly string[];
}): string {
	const { columns, audience, topic, after, to, limit, where = [] } = range;
	const more = where.map((condition) => ` AND ${condition}`).join('');
	const direction = range.newestFirst ? 'DESC' : 'ASC';
	return `(SELECT ${columns} FROM (
			SELECT ${columns}, coalesce(user_id, '') AS audience FROM events
			WHERE coalesce(user_id, '') = ANY(ARRAY[${audience}::text]) AND topic = ${topic}::text
				AND id > ${after}::bigint AND id <= ${to}::bigint${more}
			ORDER BY coalesce(user_id, '') ${direction}, events.id ${direction} LIMIT ${limit}::int
		) AS range
		WHERE audience = ${audience}::text ORDER BY audience ${direction}, range.id ${direction})`;
}

/** SQL: the audience of events for everyone. No user has this id. */
export const EVERYONE = "''";

/** Not smaller than any id. */
export const END = '9223372036854775807';
