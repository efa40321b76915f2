/**
 * Stores lucia's sessions. Lucia passes the value of the cookie. The table stores only its SHA-256, so a copy of the table
 * cannot be used to sign in. The value has 200 random bits, so a plain hash without salt is enough.
 */
import { createHash } from 'node:crypto';
import type { Adapter, DatabaseSession, Lucia } from 'lucia';
import type { Queryable } from 'logline/server';

/** Attributes of lucia's sessions and users, as in the tables. */
export interface SessionAttributes {
	userAgent: string | null;
}
export interface UserAttributes {
	username: string;
}

declare module 'lucia' {
	interface Register {
		Lucia: Lucia<object, UserAttributes>;
		DatabaseSessionAttributes: SessionAttributes;
		DatabaseUserAttributes: UserAttributes;
	}
}

/** @returns SHA-256 of a secret in hex, which the tables store instead of the secret */
export function hashToken(token: string): string {
	return createHash('sha256').update(token).digest('hex');
}

/** A browser may send a User-Agent of any length. */
const MAX_USER_AGENT = 200;

interface SessionRow {
	user_id: string;
	username: string;
	expires_at: Date;
	user_agent: string | null;
}

/** Uses plain SQL, not drizzle: drizzle's errors contain all parameters, and these must not be logged. */
export function createSessionAdapter(on: Queryable): Adapter {
	return {
		async getSessionAndUser(token) {
			const [row] = await on.query<SessionRow>(
				`SELECT s.user_id, u.username, s.expires_at, s.user_agent
				FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1`,
				[hashToken(token)]
			);
			if (!row) return [null, null];
			const session: DatabaseSession = {
				// The token, not its hash: lucia creates the cookie from this value when it renews the session.
				id: token,
				userId: row.user_id,
				expiresAt: row.expires_at,
				attributes: { userAgent: row.user_agent }
			};
			return [session, { id: row.user_id, attributes: { username: row.username } }];
		},
		async getUserSessions() {
			// This could only return hashes, and lucia would use them as tokens.
			throw new Error('sessions are listed and revoked by hash, with a query of their own');
		},
		async setSession(session) {
			await on.query(
				'INSERT INTO sessions (id, user_id, expires_at, user_agent) VALUES ($1, $2, $3, $4)',
				[
					hashToken(session.id),
					session.userId,
					session.expiresAt.toISOString(),
					session.attributes.userAgent?.slice(0, MAX_USER_AGENT) ?? null
				]
			);
		},
		async updateSessionExpiration(token, expiresAt) {
			await on.query('UPDATE sessions SET expires_at = $1 WHERE id = $2', [
				expiresAt.toISOString(),
				hashToken(token)
			]);
		},
		async deleteSession(token) {
			await on.query('DELETE FROM sessions WHERE id = $1', [hashToken(token)]);
		},
		async deleteUserSessions(userId) {
			await on.query('DELETE FROM sessions WHERE user_id = $1', [userId]);
		},
		async deleteExpiredSessions() {
			await on.query('DELETE FROM sessions WHERE expires_at <= $1', [new Date().toISOString()]);
		}
	};
}
