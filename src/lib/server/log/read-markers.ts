import { MAX_UNREAD } from '../../protocol/index.ts';
import { arrayLiteral } from '../database/array-literal.ts';
import type { Queryable } from '../database/queryable.ts';
import { END, EVERYONE, topicRange } from './topic-range.ts';

/** A topic, and who asks how far it was read. */
export interface MarkerAsked {
	userId: string;
	topic: string;
	/** Only events after this id may be seen. */
	floor: bigint;
}

/** How far a user has read a topic. */
export interface MarkerRow {
	userId: string;
	topic: string;
	/** 0: there is no marker. */
	id: bigint;
	/** Events after it that the user may see. At most {@link MAX_UNREAD}. */
	unread: number;
}

/**
 * SQL: how many events a user may see after an id. It reads at most {@link MAX_UNREAD} entries of the replay index for each
 * of the two audiences.
 */
function unreadAfter(asked: { user: string; topic: string; after: string }): string {
	const count = (audience: string) =>
		`(SELECT count(*) FROM ${topicRange({
			columns: 'id',
			audience,
			topic: asked.topic,
			after: asked.after,
			to: END,
			limit: String(MAX_UNREAD)
		})} AS unread)`;
	return `least(${MAX_UNREAD}, ${count(EVERYONE)} + ${count(asked.user)})::int`;
}

/**
 * Reads how far users have read topics. It is one statement for any number.
 *
 * @param options.marked true: leaves out topics without a marker
 */
export async function readMarkers(
	on: Queryable,
	asked: readonly MarkerAsked[],
	options: { marked: boolean }
): Promise<MarkerRow[]> {
	if (asked.length === 0) return [];
	const rows = await on.query<{ user_id: string; topic: string; id: string; unread: number }>(
		`SELECT asked.user_id, asked.topic, coalesce(marker.event_id, 0)::text AS id, ${unreadAfter({
			user: 'asked.user_id',
			topic: 'asked.topic',
			after: 'greatest(asked.floor, marker.event_id)'
		})} AS unread
		FROM unnest($1::text[], $2::text[], $3::bigint[]) AS asked(user_id, topic, floor)
			LEFT JOIN read_markers AS marker USING (user_id, topic)
		WHERE marker.event_id IS NOT NULL OR NOT $4::text::boolean`,
		[
			arrayLiteral(asked.map(({ userId }) => userId)),
			arrayLiteral(asked.map(({ topic }) => topic)),
			`{${asked.map(({ floor }) => floor).join(',')}}`,
			String(options.marked)
		]
	);
	return rows.map(({ user_id, topic, id, unread }) => ({
		userId: user_id,
		topic,
		id: BigInt(id),
		unread
	}));
}

/**
 * Moves a user's marker of a topic forward, to the newest event up to an id that the user may see. So a marker is never above
 * the newest visible event, and says nothing about events of others.
 *
 * @param parts.history reads; `parts.pool` writes, and only when the marker moves
 * @returns the marker as it is then
 */
export async function moveMarker(
	parts: { history: Queryable; pool: Queryable },
	{ userId, topic, floor, id }: MarkerAsked & { id: bigint }
): Promise<MarkerRow> {
	const newest = (audience: string) =>
		topicRange({
			columns: 'id',
			audience,
			topic: '$2',
			after: '$3',
			to: '$4',
			limit: '1',
			newestFirst: true
		});
	const [found] = await parts.history.query<{ before: string; id: string; unread: number }>(
		`SELECT marker.before::text, marker.id::text, ${unreadAfter({
			user: '$1',
			topic: '$2',
			after: 'greatest($3::bigint, marker.id)'
		})} AS unread
		FROM (
			SELECT present.before, greatest(present.before, ${newest(EVERYONE)}, ${newest('$1')}) AS id
			FROM (SELECT coalesce((SELECT event_id FROM read_markers WHERE user_id = $1 AND topic = $2), 0) AS before) AS present
		) AS marker`,
		[userId, topic, floor.toString(), id.toString()]
	);
	const { before, id: after, unread } = found!;
	if (after !== before) {
		await parts.pool.query(
			`INSERT INTO read_markers AS m (user_id, topic, event_id) VALUES ($1, $2, $3::bigint)
			ON CONFLICT (user_id, topic) DO UPDATE SET event_id = excluded.event_id, moved_at = now()
			WHERE m.event_id < excluded.event_id`,
			[userId, topic, after]
		);
	}
	return { userId, topic, id: BigInt(after), unread };
}
