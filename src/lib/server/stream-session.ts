import type { Viewer } from '$lib/protocol';
import type { Queryable } from './database/client.ts';
import type { Trouble } from './database/trouble.ts';
import type { Connections } from './delivery/connections.ts';
import { parseRows, ROW_AS_JSON } from './delivery/subscriptions.ts';
import type { KnownClient } from './delivery/topic-safety.ts';
import { GIVEN, lostAfter, SETTLED, settleLog } from './log/place.ts';

/** The state of the log that is needed to judge a cursor. */
export interface LogStanding {
	epoch: string;
	/** Last id that was given out. */
	given: bigint;
	/** The id that the cursor must go back to, because later events may have been lost. null: the cursor is valid. */
	lostAfter: bigint | null;
}

/** The session data that a stream needs. */
export interface StreamSession {
	viewer: Viewer;
	sessionID: string;
	expiresAt: number;
	log: LogStanding;
	client: KnownClient & {
		/** True when `seen_at` of the client has not been updated for a day. */
		stale: boolean;
	};
}

/**
 * Reads session, user, subscriptions and the state of the log in one statement. A client that reconnects soon costs only
 * this statement.
 *
 * @param cursor of the client; null: it has none
 */
export async function readStreamSession(
	on: Queryable,
	sessionID: string,
	clientID: string,
	cursor: bigint | null
): Promise<StreamSession | null> {
	const [row] = await on.query<{
		user_id: string;
		username: string;
		expires: number;
		epoch: string;
		given: string;
		settled: boolean | null;
		lost_after: string | null;
		forgotten: boolean;
		rows: string;
		stale: boolean;
	}>(
		`SELECT s.user_id, u.username, (extract(epoch FROM s.expires_at) * 1000)::float8 AS expires,
			(SELECT epoch::text FROM log_state) AS epoch, ${GIVEN}::text AS given, ${SETTLED} AS settled,
			${lostAfter('$3::bigint')}::text AS lost_after,
			EXISTS (SELECT FROM forgotten_clients f WHERE f.session_id = s.id) AS forgotten, c.rows, c.stale
		FROM sessions s JOIN users u ON u.id = s.user_id CROSS JOIN LATERAL (
			SELECT coalesce(json_agg(${ROW_AS_JSON}), '[]')::text AS rows,
				coalesce(min(t.seen_at) < now() - interval '1 day', false) AS stale
			FROM topic_subscriptions t WHERE t.session_id = s.id AND t.client_id = $2
		) AS c
		WHERE s.id = $1 AND s.expires_at > now()`,
		[sessionID, clientID, cursor?.toString() ?? null]
	);
	if (!row) return null;
	if (row.settled !== true) {
		// Nobody has written since the log moved, so it is not known yet whether the cursor is valid.
		await settleLog(on);
		return readStreamSession(on, sessionID, clientID, cursor);
	}
	return {
		viewer: { userId: row.user_id, username: row.username },
		sessionID,
		expiresAt: row.expires,
		log: {
			epoch: row.epoch,
			given: BigInt(row.given),
			lostAfter: row.lost_after === null ? null : BigInt(row.lost_after)
		},
		client: { rows: parseRows(row.rows), forgotten: row.forgotten, stale: row.stale }
	};
}

/** Sessions that are checked in one statement. */
const SESSIONS = 1000;

/** Ends the connections of sessions that are over, and prolongs the others. */
export async function recheckSessions(
	{ background, trouble }: { background: Queryable; trouble: Trouble },
	connections: Connections,
	sessions: readonly string[]
): Promise<void> {
	for (let from = 0; from < sessions.length; from += SESSIONS) {
		const some = sessions.slice(from, from + SESSIONS);
		try {
			const alive = await readExpiries(background, some);
			for (const session of some) {
				const expires = alive.get(session);
				if (expires === undefined) connections.endSession(session, 'The session has ended.');
				else connections.prolong(session, expires);
			}
		} catch (error) {
			// Check again at the next sweep.
			for (const session of some) connections.prolong(session, Date.now() + 1000);
			trouble.met(error);
			continue;
		}
		trouble.over();
	}
}

/** Returns when sessions expire, in milliseconds since 1970. Sessions that are over are left out. */
async function readExpiries(
	on: Queryable,
	sessions: readonly string[]
): Promise<Map<string, number>> {
	const rows = await on.query<{ id: string; expires: number }>(
		`SELECT id, (extract(epoch FROM expires_at) * 1000)::float8 AS expires FROM sessions
		WHERE id = ANY(string_to_array($1, ',')) AND expires_at > now()`,
		[sessions.join(',')]
	);
	return new Map(rows.map((row) => [row.id, row.expires]));
}
