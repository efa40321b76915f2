import type { Viewer } from '$lib/protocol';
import type { Queryable } from './database/client.ts';
import type { SubscriptionRow } from './delivery/topic-safety.ts';

/** A session as a stream needs it. */
export interface StreamSession {
	viewer: Viewer;
	sessionID: string;
	expiresAt: number;
	/** Epoch of the log. */
	log: string;
	subscriptions: SubscriptionRow[];
}

/** Session, user, subscriptions and epoch in one statement: all a client costs that comes back soon. */
export async function readStreamSession(
	on: Queryable,
	sessionID: string,
	clientID: string
): Promise<StreamSession | null> {
	const [row] = await on.query<{
		user_id: string;
		username: string;
		expires: number;
		log: string;
		rows: string;
	}>(
		`SELECT s.user_id::text, u.username, (extract(epoch FROM s.expires_at) * 1000)::float8 AS expires,
			(SELECT epoch::text FROM log_state) AS log,
			(SELECT coalesce(json_agg(json_build_array(t.topic, t.n, t.since::text)), '[]')::text
				FROM topic_subscriptions t WHERE t.session_id = s.id AND t.client_id = $2) AS rows
		FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.id = $1 AND s.expires_at > now()`,
		[sessionID, clientID]
	);
	if (!row) return null;
	const rows = JSON.parse(row.rows) as [string, number, string][];
	return {
		viewer: { userId: row.user_id, username: row.username },
		sessionID,
		expiresAt: row.expires,
		log: row.log,
		subscriptions: rows.map(([topic, n, since]) => ({ topic, n, since: BigInt(since) }))
	};
}

/** When sessions end unless they are used, in milliseconds since 1970. Those that are over are left out. */
export async function readExpiries(
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
