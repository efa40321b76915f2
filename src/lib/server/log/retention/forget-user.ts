/**
 * Deleting what the log has of one user. Like retention, and unlike a DELETE by hand, it moves the horizons first: then a
 * server can tell that the events were deleted, and not lost with a replaced log. Only the user's own audience has these
 * horizons, so nobody else is told of a gap.
 */
import type { Queryable } from '../../database/queryable.ts';
import { topicRange } from '../topic-range.ts';

/** Topics of one round, and events of one statement. The data of an event may have many pieces to delete. */
const TOPICS = 500;
const BATCH = 1000;

/** Rows of the log's other tables that are about the user, in this order: grants end before the events that tell of them. */
const ABOUT = ['outbox', 'grants', 'read_markers', 'dead_letters'];

/**
 * SQL: moves the horizons of the user's topics to their newest event. It steps from topic to topic in the replay index,
 * however many events are in between.
 */
const MOVE_HORIZONS = `WITH RECURSIVE own(topic) AS (
		(SELECT topic FROM events WHERE coalesce(user_id, '') = $1 ORDER BY topic LIMIT 1)
		UNION ALL
		SELECT (SELECT e.topic FROM events AS e WHERE coalesce(e.user_id, '') = $1 AND e.topic > own.topic ORDER BY e.topic LIMIT 1)
		FROM own WHERE own.topic IS NOT NULL
	), next AS (SELECT topic FROM own WHERE topic IS NOT NULL LIMIT ${TOPICS})
	INSERT INTO topic_horizons AS h (topic, audience, horizon)
	SELECT topic, $1, (SELECT max(e.id) FROM events AS e WHERE coalesce(e.user_id, '') = $1 AND e.topic = next.topic)
	FROM next
	ON CONFLICT (topic, audience) DO UPDATE SET horizon = greatest(h.horizon, excluded.horizon)
	RETURNING topic, horizon::text`;

const DELETE_EVENTS = `WITH gone AS (
		DELETE FROM events WHERE id IN ${topicRange({
			columns: 'id',
			audience: '$1',
			topic: '$2',
			after: '0',
			to: '$3',
			limit: String(BATCH)
		})} RETURNING 1
	) SELECT count(*)::int AS count FROM gone`;

/**
 * Deletes the private events of a user, and what the log knows about the user. What is on its way meanwhile (the end of a
 * grant is an event, too) is deleted by the next call.
 *
 * @param userId not empty: events for everyone have the empty audience
 * @param signal stops it between two statements
 * @returns number of deleted events
 */
export async function forgetUser(
	on: Queryable,
	userId: string,
	signal?: AbortSignal
): Promise<number> {
	for (const table of ABOUT) await on.query(`DELETE FROM ${table} WHERE user_id = $1`, [userId]);
	let deleted = 0;
	for (let topics = TOPICS; topics > 0 && !signal?.aborted;) {
		const rows = await on.query<{ topic: string; horizon: string }>(MOVE_HORIZONS, [userId]);
		topics = rows.length;
		for (const { topic, horizon } of rows) {
			for (let gone = BATCH; gone === BATCH && !signal?.aborted; deleted += gone) {
				const [row] = await on.query<{ count: number }>(DELETE_EVENTS, [userId, topic, horizon]);
				gone = row!.count;
			}
		}
	}
	// An open row is the log's: it closes the row with the event that ends the grant.
	await on.query('DELETE FROM grant_history WHERE user_id = $1 AND until_id IS NOT NULL', [userId]);
	return deleted;
}
