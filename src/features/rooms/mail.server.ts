/**
 * Mails what stays unread in a room. A consumer notes each message with the time at which it is due. A loop looks at what is due,
 * and asks only then who has not read it and is still in the room. So nothing has to follow markers and members meanwhile.
 */
import type { ConsumedEvent, Queryable } from 'logline/server';
import { startLoop } from 'logline/server';
import { roomMailChecks } from '$schema';
import type { App } from '$src/app/app.ts';
import type { Drizzle } from '$src/app/database.ts';

const TOPICS = ['rooms/[room]/messages', 'vaults/[room]/messages'] as const;

type Transaction = Parameters<Parameters<Drizzle['transaction']>[0]>[0];

/** Most messages that one statement looks at. */
const BATCH = 100;

/** Most unread messages that a mail counts. */
const MAX_COUNT = 100;

/** Longest pause of the loop, in milliseconds. */
const MAX_PAUSE_MS = 10_000;

/**
 * Starts to mail. All processes share the work.
 *
 * @param afterMs how long a message must be unread, in milliseconds; a mail comes up to a tenth of it later
 * @returns a function that ends it
 */
export function startRoomMail(
	{ database, logger, logline }: Pick<App, 'database' | 'logger' | 'logline'>,
	afterMs: number
): () => Promise<void> {
	const transaction = (work: (tx: Transaction) => Promise<void>) => database.db.transaction(work);
	const notes = logline.consume(
		'room mail notes',
		TOPICS,
		(event, tx: Transaction) => note(event, tx, afterMs),
		{ transaction, from: 'now' }
	);
	const loop = startLoop({
		name: 'room mail',
		logger,
		async round() {
			const wait = await untilNextCheck(database.background);
			if (wait === null || wait > 0) return Math.min(wait ?? Infinity, afterMs / 10, MAX_PAUSE_MS);
			if ((await mailDue(database.background)) > 0) logline.kickOutbox();
			// Zero: another process is looking at them.
			return 20;
		}
	});
	// Here a real application hands the mail to its provider, with the id of the event as the key against doubles.
	const post = logline.consume(
		'room mail post',
		['room-mail'],
		({ id, userID, data }) => {
			logger.info({ source: 'room mail', mail: id, user: userID, ...data }, 'a room is unread');
		},
		{ transaction, from: 'now' }
	);
	return async () => {
		await Promise.all([notes.stop(), post.stop(), loop.stop()]);
	};
}

/** Notes when to look at a message again. Time without a server counts, too. */
async function note(
	{ id, at, userID, data }: ConsumedEvent<(typeof TOPICS)[number]>,
	tx: Transaction,
	afterMs: number
): Promise<void> {
	// Any SQL client may publish, so data may be anything.
	if (data?.type !== 'message' || userID !== null) return;
	const dueAt = new Date(Date.parse(at) + afterMs);
	await tx
		.insert(roomMailChecks)
		.values({ eventId: BigInt(id), dueAt })
		.onConflictDoNothing();
}

/**
 * Looks at the messages that are due, and mails each member whose unread messages begin with one of them: they begin after the
 * read marker, and after the member came into the room. So a room is mailed once, until the member has read it.
 *
 * @returns how many messages were looked at
 */
export async function mailDue(connection: Queryable): Promise<number> {
	// The key names the first of what a member has not read. If it were ever noted again, the log would not add the mail.
	const [looked] = await connection.query<{ count: number }>(
		`WITH due AS MATERIALIZED (
			SELECT event_id FROM room_mail_checks WHERE due_at <= now() ORDER BY due_at LIMIT $1::int FOR UPDATE SKIP LOCKED
		), looked AS (
			DELETE FROM room_mail_checks AS c USING due WHERE c.event_id = due.event_id RETURNING c.event_id
		), unread AS (
			SELECT e.id, e.topic, e.data, m.user_id, m.kind || '/' || m.room_id AS scope,
				greatest(r.event_id, g.from_id) AS start
			FROM looked JOIN events AS e ON e.id = looked.event_id
			JOIN room_members AS m ON m.kind = split_part(e.topic, '/', 1) AND m.room_id = split_part(e.topic, '/', 2)
			JOIN grant_history AS g ON g.user_id = m.user_id AND g.scope = m.kind || '/' || m.room_id AND g.until_id IS NULL
			LEFT JOIN read_markers AS r ON r.user_id = m.user_id AND r.topic = e.topic
			WHERE e.data->'user'->>'id' <> m.user_id AND e.id > greatest(r.event_id, g.from_id)
		), mails AS (
			INSERT INTO outbox (topic, user_id, data, key)
			SELECT 'room-mail', user_id, jsonb_build_object('scope', scope, 'room', left(data->>'room', 60),
					'from', left(data->'user'->>'name', 64), 'first', id::text, 'unread', ${unreadOf('9223372036854775807')},
					'timestamp', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
				'room-mail:' || id || ':' || md5(user_id)
			FROM unread WHERE ${unreadOf('unread.id - 1', 1)} = 0
		)
		SELECT count(*)::int AS count FROM looked`,
		[BATCH]
	);
	return looked!.count;
}

/** SQL: how many messages of others there are in a member's room, from where the member begins to read up to an id. */
function unreadOf(upTo: string, most = MAX_COUNT): string {
	return `(SELECT count(*) FROM (
		SELECT FROM events AS o WHERE coalesce(o.user_id, '') = ANY (ARRAY['']) AND o.topic = unread.topic
			AND o.id > unread.start AND o.id <= ${upTo}
			AND o.data->>'type' = 'message' AND o.data->'user'->>'id' <> unread.user_id
		LIMIT ${most}
	) AS found)`;
}

/**
 * Returns how long until a message is due.
 *
 * @returns milliseconds, negative when it is late; null: none is noted
 */
async function untilNextCheck(connection: Queryable): Promise<number | null> {
	const [next] = await connection.query<{ ms: number }>(
		`SELECT extract(epoch FROM due_at - clock_timestamp())::float8 * 1000 AS ms FROM room_mail_checks
		ORDER BY due_at LIMIT 1`,
		[]
	);
	return next?.ms ?? null;
}
