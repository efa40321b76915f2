/**
 * Deleting users. The account goes at once, in one statement, and with it the sessions and their streams. The events follow
 * in batches: a server that dies in between leaves the rest to another one.
 */
import type { Logline, Queryable } from 'logline/server';
import { LASTING } from './lasting-session.ts';

/** Guests of one statement. */
const BATCH = 500;

/** SQL: notes the users that a statement `gone` has deleted. */
const NOTE = 'INSERT INTO deleted_users (user_id) SELECT id FROM gone ON CONFLICT DO NOTHING';

/**
 * Deletes a user.
 *
 * @param allowed.passwordHash what the user had when the deletion was allowed; null: a guest
 * @param allowed.session the session of the request
 * @returns false when the account has changed since, or the session has ended
 */
export async function deleteUser(
	on: Queryable,
	userId: string,
	{ passwordHash, session }: { passwordHash: string | null; session: string }
): Promise<boolean> {
	const rows = await on.query(
		`WITH ${LASTING}, gone AS (
			DELETE FROM users USING lasts WHERE id = lasts.user_id AND password_hash IS NOT DISTINCT FROM $3 RETURNING id
		) ${NOTE} RETURNING 1`,
		[userId, session, passwordHash]
	);
	return rows.length > 0;
}

/**
 * Deletes guests who can never come back: they have no session and no password, and are a day old. Safe to run in every
 * process.
 *
 * @param signal stops it between two statements
 * @returns number of deleted guests
 */
export async function deleteOldGuests(on: Queryable, signal?: AbortSignal): Promise<number> {
	let deleted = 0;
	for (let gone = BATCH; gone === BATCH && !signal?.aborted; deleted += gone) {
		const rows = await on.query(
			`WITH gone AS (
				DELETE FROM users WHERE id IN (
					SELECT id FROM users AS guest WHERE password_hash IS NULL AND created_at < now() - interval '1 day'
						AND NOT EXISTS (SELECT FROM sessions WHERE user_id = guest.id AND expires_at > now())
					ORDER BY created_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
				) RETURNING id
			) ${NOTE} RETURNING 1`,
			[]
		);
		gone = rows.length;
	}
	return deleted;
}

/**
 * Deletes the events of deleted users: at once, and again after ten minutes for an hour, because what was on its way to a
 * user may be appended after the user is gone. Safe to run in every process.
 *
 * @param signal stops it between two statements
 */
export async function forgetDeletedUsers(
	on: Queryable,
	{ forgetUser }: Pick<Logline, 'forgetUser'>,
	signal: AbortSignal
): Promise<void> {
	while (!signal.aborted) {
		// Claimed before the work: one user whose events cannot be deleted must not keep the others waiting.
		const [next] = await on.query<{ user_id: string; old: boolean }>(
			`UPDATE deleted_users SET checked_at = now() WHERE user_id = (
				SELECT user_id FROM deleted_users
				WHERE checked_at IS NULL OR checked_at < now() - interval '10 minutes'
				ORDER BY checked_at NULLS FIRST LIMIT 1 FOR UPDATE SKIP LOCKED
			) RETURNING user_id, deleted_at < now() - interval '1 hour' AS old`,
			[]
		);
		if (!next) return;
		const deleted = await forgetUser(next.user_id, { signal });
		if (next.old && deleted === 0 && !signal.aborted) {
			await on.query('DELETE FROM deleted_users WHERE user_id = $1', [next.user_id]);
		}
	}
}
