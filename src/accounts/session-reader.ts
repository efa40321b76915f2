import { arrayLiteral, type Queryable } from 'logline/postgres';
import { sharedRead, type SignedInViewer } from 'logline/server';

/** Reads sessions, for the streams. Pages use lucia, which also renews a session. */
export interface SessionReader {
	/**
	 * Finds who has a session. Calls of the same moment share a statement.
	 *
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
 * @param onUsed called with each session that is found
 */
export function createSessionReader(
	pool: Queryable,
	background: Queryable,
	onUsed: (session: string) => void
): SessionReader {
	const findViewer = sharedRead(async (sessions: readonly string[]) => {
		const rows = await pool.query<{ session: string; id: string; name: string; expires: number }>(
			`SELECT s.id AS session, u.id, u.username AS name, (extract(epoch FROM s.expires_at) * 1000)::float8 AS expires
			FROM sessions AS s JOIN users AS u ON u.id = s.user_id
			WHERE s.id = ANY($1::text[]) AND s.expires_at > now()`,
			[arrayLiteral(sessions)]
		);
		const found = new Map(
			rows.map(({ expires, ...row }) => [row.session, { ...row, expires: new Date(expires) }])
		);
		for (const session of found.keys()) onUsed(session);
		return sessions.map((session): SignedInViewer | null => found.get(session) ?? null);
	});
	return {
		findViewer,
		async readExpiries(sessions) {
			const rows = await background.query<{ id: string; expires: number }>(
				`SELECT id, (extract(epoch FROM expires_at) * 1000)::float8 AS expires FROM sessions
				WHERE id = ANY($1::text[]) AND expires_at > now()`,
				[arrayLiteral(sessions)]
			);
			return new Map(rows.map(({ id, expires }) => [id, new Date(expires)]));
		}
	};
}
