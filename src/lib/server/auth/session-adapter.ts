/**
 * Where lucia keeps sessions. Lucia hands over the value of the cookie; the table gets its SHA-256 alone, so that a copy of
 * the table signs nobody in. The value has 200 random bits: a plain hash without salt is enough.
 */
import { createHash } from 'node:crypto';
import type { Adapter, DatabaseSession, Lucia } from 'lucia';
import type { Sql } from '../database/client.ts';

/** Attributes of lucia's sessions and users, as the tables have them. */
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

/** SHA-256 of a secret, in hex: what the tables hold in its place. */
export function hashToken(token: string): string {
	return createHash('sha256').update(token).digest('hex');
}

/** Browsers may call themselves anything, at any length. */
const MAX_USER_AGENT = 200;

interface SessionRow {
	user_id: string;
	username: string;
	expires_at: Date;
	user_agent: string | null;
}

/**
 * Plain SQL and not drizzle: drizzle's errors repeat all parameters, and these must not reach a log.
 */
export function createSessionAdapter(sql: Sql): Adapter {
	return {
		async getSessionAndUser(token) {
			const [row] = await sql<SessionRow[]>`
				select s.user_id, u.username, s.expires_at, s.user_agent
				from sessions s join users u on u.id = s.user_id
				where s.id = ${hashToken(token)}`;
			if (!row) return [null, null];
			const session: DatabaseSession = {
				// The token and not its hash: lucia makes the cookie from this when it renews the session.
				id: token,
				userId: row.user_id,
				expiresAt: row.expires_at,
				attributes: { userAgent: row.user_agent }
			};
			return [session, { id: row.user_id, attributes: { username: row.username } }];
		},
		async getUserSessions() {
			// Only hashes could be returned, and lucia would take them for tokens.
			throw new Error('sessions are listed and revoked by hash, with a query of their own');
		},
		async setSession(session) {
			await sql`
				insert into sessions (id, user_id, expires_at, user_agent)
				values (
					${hashToken(session.id)}, ${session.userId}, ${session.expiresAt},
					${session.attributes.userAgent?.slice(0, MAX_USER_AGENT) ?? null}
				)`;
		},
		async updateSessionExpiration(token, expiresAt) {
			await sql`update sessions set expires_at = ${expiresAt} where id = ${hashToken(token)}`;
		},
		async deleteSession(token) {
			await sql`delete from sessions where id = ${hashToken(token)}`;
		},
		async deleteUserSessions(userId) {
			await sql`delete from sessions where user_id = ${userId}`;
		},
		async deleteExpiredSessions() {
			await sql`delete from sessions where expires_at <= ${new Date()}`;
		}
	};
}
