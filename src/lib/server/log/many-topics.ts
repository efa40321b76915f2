/** How many events of a range are read at first. Fewer would save almost nothing: finding the range costs most. */
const LEAST = 4;

/**
 * SQL: a page of any number of topics, in id order over all of them. It is one text for every number of topics, so Postgres
 * plans it once. A text with one range per topic takes Postgres longer to plan, and to begin, than to read.
 *
 * A range is one topic for one audience. Reading a whole page of every range would be too much. So it takes three steps. Each
 * step reads some events of each range, and then sees which ranges need more:
 * - `edge`: where the page would end if no range had more events. The page has no event after it.
 * - `cut`: the ranges that gave as many events as were asked for, and all before the edge. Only they may have more events that
 *   belong to the page. They are fewer in each step, so more events of each are read. Together they get two pages: with one,
 *   the page would often stay short, because some ranges need more than others.
 *
 * After the last step a range may still be cut off. Then the page ends where the first of them ends, so that it skips
 * nothing. This takes many topics with one that has far more events than the others.
 *
 * Parameters: `$1` the end of the read, `$2` rows of a page, `$4` audiences, `$5` topics, `$6` the start of each topic, `$7`
 * the greatest id of the page, `$8` from {@link shareOf}. `$3` is free for the list of columns.
 *
 * The rows have two more columns:
 * - `cut`: true in the last row when the page ends there because a range is cut off
 * - `ahead`: in the first row, when the read may go on after the page, as JSON: pairs of a topic and the least id that its
 *   next event after the page can have. A topic that is not in it has no event left.
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
		SELECT least($7::bigint, (
			SELECT id FROM (${found}) AS known ORDER BY known.id OFFSET $2::int - 1 LIMIT 1
		)) AS upto`;
	const cut = (found: string, edge: string) => `
		SELECT audience, topic, max(id) AS after, least($2::int, 2 * $2::int / count(*) OVER ())::int AS k
		FROM ${found} GROUP BY audience, topic HAVING count(*) = max(k) AND max(id) < (SELECT upto FROM ${edge})`;
	return `WITH asked AS MATERIALIZED (
			SELECT audience, topic, after, $8::int AS k
			FROM unnest($5::text[], $6::bigint[]) AS start(topic, after), unnest($4::text[]) AS audience
		),
		first AS MATERIALIZED (${events('asked', '$1::bigint')}),
		edge AS MATERIALIZED (${edge('SELECT id FROM first')}),
		cut AS MATERIALIZED (${cut('first', 'edge')}),
		second AS MATERIALIZED (${events('cut', '(SELECT upto FROM edge)')}),
		next_edge AS MATERIALIZED (${edge('SELECT id FROM first UNION ALL SELECT id FROM second')}),
		still_cut AS MATERIALIZED (${cut('second', 'next_edge')}),
		third AS MATERIALIZED (${events('still_cut', '(SELECT upto FROM next_edge)')}),
		cut_off AS MATERIALIZED (
			SELECT min(last) AS id FROM (
				SELECT max(id) AS last FROM third GROUP BY audience, topic HAVING count(*) = max(k)
			) AS ends
		),
		page AS MATERIALIZED (
			SELECT * FROM (TABLE first UNION ALL TABLE second UNION ALL TABLE third) AS found
			WHERE id <= least($7::bigint, (SELECT id FROM cut_off)) ORDER BY found.id LIMIT $2::int
		),
		whole AS MATERIALIZED (
			SELECT min(id) AS begins, max(id) AS ends,
				$7::bigint < $1::bigint OR count(*) = $2::int OR (SELECT id FROM cut_off) IS NOT NULL AS more
			FROM page
		),
		ahead AS (
			SELECT topic, coalesce(min(id) FILTER (WHERE id > ends), CASE WHEN count(*) = max(k) THEN ends + 1 END) AS next
			FROM first, whole GROUP BY audience, topic, ends
		)
		SELECT ${selected}, CASE WHEN id = (SELECT id FROM cut_off) THEN true END AS cut,
			CASE WHEN id = (SELECT begins FROM whole WHERE more) THEN (
				SELECT coalesce(json_agg(json_build_array(topic, next::text)), '[]')::text FROM ahead WHERE next IS NOT NULL
			) END AS ahead
		FROM page ORDER BY page.id`;
}

/** Returns how many events of each range are read at first, for a page of so many rows. */
export const shareOf = (rows: number, ranges: number): number =>
	Math.max(LEAST, Math.ceil(rows / ranges));
