/**
 * SQL: a page of any number of topics, in id order over all of them. It is one text for every number of topics, so Postgres
 * plans it once. A text with one range per topic takes Postgres longer to plan, and to begin, than to read.
 *
 * Parameters: `$1` the greatest id, `$2` rows of a page, `$4` audiences, `$5` topics, `$6` the start of each topic, `$7` how
 * many events of each range are read at first ({@link firstOf}). `$3` is free for the list of columns.
 *
 * A range is one topic for one audience. To read a whole page of every range would be too much, so it takes three steps. Each
 * step reads some events of each range and then sees which ranges need more:
 * - `edge`: the last event of the page, if no range had more. The page has no event after it, so nothing after it is read.
 * - `cut`: the ranges that gave as many events as were asked for, and all before the edge. Only they may have more events
 *   that belong to the page. The next step reads on in these ranges: as they are fewer, more events of each. Together they
 *   are two pages: with as many events of each, one page would be too few, because some ranges end earlier than others.
 *
 * After the last step a range may still be cut off. Then the page ends where the first of them ends, so that it skips
 * nothing. This needs many topics of which one has far more events than the others.
 *
 * The rows have two more columns:
 * - `cut`: true in the last row when the page ends because a range is cut off
 * - `silent`: in the first row, as JSON: the topics that have no event in their ranges
 *
 * @param selected SQL: what to select from a relation with the columns
 * @param columns of `events`
 */
export function manyTopics(selected: string, columns: string): string {
	// The array of one element: see `topicRange`.
	const events = (ranges: string, to: string) => `
		SELECT range.audience, range.k, found.* FROM ${ranges} AS range CROSS JOIN LATERAL (
			SELECT ${columns} FROM events
			WHERE coalesce(user_id, '') = ANY(ARRAY[range.audience]) AND topic = range.topic
				AND id > range.after AND id <= ${to}
			ORDER BY coalesce(user_id, ''), events.id LIMIT range.k
		) AS found`;
	const edge = (found: string) => `
		SELECT coalesce((SELECT id FROM (${found}) AS known ORDER BY known.id OFFSET $2::int - 1 LIMIT 1), $1::bigint) AS upto`;
	const cut = (found: string, edge: string) => `
		SELECT audience, topic, max(id) AS after, upto, (2 * $2::int / count(*) OVER ())::int AS k
		FROM ${found}, ${edge} GROUP BY audience, topic, k, upto HAVING count(*) = k AND max(id) < upto`;
	return `WITH asked AS MATERIALIZED (
			SELECT audience, topic, after, $7::int AS k
			FROM unnest($5::text[], $6::bigint[]) AS start(topic, after), unnest($4::text[]) AS audience
		),
		first AS MATERIALIZED (${events('asked', '$1::bigint')}),
		edge AS MATERIALIZED (${edge('SELECT id FROM first')}),
		cut AS MATERIALIZED (${cut('first', 'edge')}),
		second AS MATERIALIZED (${events('cut', 'range.upto')}),
		next_edge AS MATERIALIZED (${edge('SELECT id FROM first UNION ALL SELECT id FROM second')}),
		still_cut AS MATERIALIZED (${cut('second', 'next_edge')}),
		third AS MATERIALIZED (${events('still_cut', 'range.upto')}),
		cut_off AS MATERIALIZED (
			SELECT min(last) AS id FROM (
				SELECT max(id) AS last FROM third GROUP BY audience, topic, k HAVING count(*) = k
			) AS ends
		)
		SELECT ${selected}, CASE WHEN id = (SELECT id FROM cut_off) THEN true END AS cut,
			CASE WHEN id = (SELECT min(id) FROM first) THEN (
				SELECT json_agg(topic)::text FROM (SELECT topic FROM asked EXCEPT SELECT topic FROM first) AS without
			) END AS silent
		FROM (SELECT * FROM first UNION ALL SELECT * FROM second UNION ALL SELECT * FROM third) AS found
		WHERE id <= coalesce((SELECT id FROM cut_off), $1::bigint) ORDER BY found.id LIMIT $2::int`;
}

/** Fewer events of each range at first would be fewer rows, but nearly the same time: finding a range costs most. */
const LEAST = 4;

/** Returns how many events of each range are read at first, for a page of so many rows. */
export const firstOf = (rows: number, ranges: number): number =>
	Math.max(LEAST, Math.ceil(rows / ranges));
