/**
 * Deleting what the log has of one user. Like retention, and unlike a DELETE by hand, it moves the horizons first: then a
 * server can tell that the events were deleted, and not lost with a replaced log. Only the user's own audience has these
 * horizons, so nobody else is told of a gap.
 */
import type { Queryable } from '../../database/queryable.ts';
import { topicRange } from '../topic-range.ts';

/** Topics of one round, and rows of one statement. */
const TOPICS = 500;
const BATCH = 1000;

/**
 * Octets of data of the events of one statement, approximately. Postgres deletes each piece of 2 kB of a large one: a thousand
 * events of 1 MiB in one statement would take longer than a connection waits, each time anew.
 */
const OCTETS = 16 * 1_048_576;

/** Rows of the log's other tables that are about the user, in this order: grants end before the events that tell of them. */
const ABOUT = ['outbox', 'grants', 'read_markers'];

/** SQL: deletes some rows of a table. */
const deleteSome = (table: string, condition = 'user_id = $1') => `WITH gone AS (
		DELETE FROM ${table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM ${table} WHERE ${condition} LIMIT ${BATCH})) RETURNING 1
	) SELECT count(*)::int AS count FROM gone`;

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

/**
 * SQL: deletes the first events of a topic, and what consumers have noted of them: the text of an error may name the user.
 * A note that is locked is being tried: the consumer deletes it when it finds that the event is gone. `more`: there may be
 * others.
 */
const DELETE_EVENTS = `WITH first AS MATERIALIZED (
		SELECT id, sum(size::bigint) OVER (ORDER BY id) - size AS before FROM ${topicRange({
			columns: 'id, size',
			audience: '$1',
			topic: '$2',
			after: '0',
			to: '$3',
			limit: String(BATCH)
		})} AS candidates
	), gone AS (
		DELETE FROM events WHERE id IN (SELECT id FROM first WHERE before < ${OCTETS}) RETURNING id
	), failures AS (
		DELETE FROM consumer_failures WHERE ctid = ANY(ARRAY(
			SELECT ctid FROM consumer_failures WHERE event_id IN (SELECT id FROM gone) FOR UPDATE SKIP LOCKED
		))
	)
	SELECT gone.count, first.count > gone.count OR first.count = ${BATCH} AS more
	FROM (SELECT count(*)::int FROM first) AS first, (SELECT count(*)::int FROM gone) AS gone`;

/**
 * Deletes the private events of a user, and what the log knows about the user. What is on its way meanwhile (the end of a
 * grant is an event, too) is deleted by the next call.
 *
 * @param userId not empty: events for everyone have the empty audience
 * @param isOver asked before each statement; true: the rest is left to the next call
 * @returns number of deleted events
 */
export async function forgetUser(
	on: Queryable,
	userId: string,
	isOver: () => boolean
): Promise<number> {
	const deleteAll = async (statement: string) => {
		for (let gone = 1; gone > 0 && !isOver();) {
			const [row] = await on.query<{ count: number }>(statement, [userId]);
			gone = row!.count;
		}
	};
	for (const table of ABOUT) await deleteAll(deleteSome(table));
	let deleted = 0;
	for (let topics = TOPICS; topics > 0 && !isOver();) {
		const rows = await on.query<{ topic: string; horizon: string }>(MOVE_HORIZONS, [userId]);
		topics = rows.length;
		for (const { topic, horizon } of rows) {
			for (let more = true; more && !isOver();) {
				const [row] = await on.query<{ count: number; more: boolean }>(DELETE_EVENTS, [
					userId,
					topic,
					horizon
				]);
				deleted += row!.count;
				more = row!.more;
			}
		}
	}
	// Behind the events: until they are gone, a consumer can set one aside.
	await deleteAll(deleteSome('dead_letters'));
	// An open row is the log's: it closes the row with the event that ends the grant.
	await deleteAll(deleteSome('grant_history', 'user_id = $1 AND until_id IS NOT NULL'));
	return deleted;
}
