import type { Queryable, SignedInViewer } from 'logline/server';

/** Reads sessions, for the streams. Pages use lucia, which also renews a session. */
export interface SessionReader {
	/**
	 * @param session hash of a token, as in `sessions.id`
	 * @returns null: there is no such session, or it is over
	 */
	findViewer(session: string): Promise<SignedInViewer | null>;
	/** Returns when sessions expire. Sessions that are over are left out. */
	readExpiries(sessions: readonly string[]): Promise<ReadonlyMap<string, Date>>;
}

/**
 * @param pool for requests
 * @param background for statements that no request waits for
 */
export function createSessionReader(pool: Queryable, background: Queryable): SessionReader {
	return {
		async findViewer(session) {
			const [row] = await pool.query<{ id: string; name: string; expires: number }>(
				`SELECT u.id, u.username AS name, (extract(epoch FROM s.expires_at) * 1000)::float8 AS expires
				FROM sessions AS s JOIN users AS u ON u.id = s.user_id
				WHERE s.id = $1 AND s.expires_at > now()`,
				[session]
			);
			return row ? { id: row.id, name: row.name, session, expires: new Date(row.expires) } : null;
		},
		async readExpiries(sessions) {
			const rows = await background.query<{ id: string; expires: number }>(
				`SELECT id, (extract(epoch FROM expires_at) * 1000)::float8 AS expires FROM sessions
				WHERE id = ANY(string_to_array($1, ',')) AND expires_at > now()`,
				[sessions.join(',')]
			);
			return new Map(rows.map(({ id, expires }) => [id, new Date(expires)]));
		}
	};
}
