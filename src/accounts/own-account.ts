/** What a signed-in user does with the own account. */
import type { Queryable } from 'logline/server';
import type { Browser } from './browser.ts';
import {
	checkNewCredentials,
	CredentialsError,
	isTooLong,
	usernameTaken,
	type Credentials
} from './credentials.ts';
import { deleteUser } from './deleted-users.ts';
import { LASTING } from './lasting-session.ts';
import type { Passwords } from './passwords.ts';
import type { Recognise } from './recognise.ts';
import type { Throttle } from './throttle.ts';
import type { User } from './user.ts';

/** Sessions that are listed. The others can be ended together. */
const LISTED = 50;

/** A session of the user. */
export interface OwnSession {
	/** SHA-256 of the token, as in `sessions.id`: nobody can sign in with it. */
	id: string;
	userAgent: string | null;
	createdAt: Date;
	/** At most two minutes late: see `last-seen.ts`. */
	seenAt: Date;
	/** The session of the request. */
	current: boolean;
}

/** An account, as its user sees it. */
export interface Account {
	/** True: no password, so nobody can sign in. The account lives as long as its session. */
	guest: boolean;
	createdAt: Date;
	/** The session of the request first, then the last used. At most 50. */
	sessions: OwnSession[];
	/** Number of all sessions. */
	sessionCount: number;
}

/** Who asks, and from where. */
export interface Asking {
	user: User;
	/** SHA-256 of the token of the request. */
	session: string;
	browser: Browser;
}

/** See each function. */
export interface OwnAccount {
	/** @returns null: the user is gone */
	readAccount(asking: Pick<Asking, 'user' | 'session'>): Promise<Account | null>;
	/** Ends a session of the user, and its streams. Does nothing when it is not one of the user, or has ended. */
	endSession(user: User, session: string): Promise<void>;
	/** Ends all sessions of the user but one. */
	endOtherSessions(user: User, session: string): Promise<void>;
	/**
	 * Changes the password, and ends all other sessions. The present password is compared and counted as at a sign-in.
	 *
	 * @throws CredentialsError `invalid_credentials`, `wrong_password`, `no_password`, `account_changed`; LoglineError `busy`,
	 *   `too_many_attempts`
	 */
	changePassword(asking: Asking, typed: { current: string; password: string }): Promise<void>;
	/**
	 * Gives a guest a user name and a password. The account keeps its id, its events and its sessions.
	 *
	 * @throws CredentialsError `invalid_credentials`, `username_taken`, `no_guest`; LoglineError `busy`, `too_many_signups`
	 */
	nameGuest(asking: Asking, typed: Credentials): Promise<void>;
	/**
	 * Deletes the user, all sessions and their streams. The private events follow within minutes: see `deleted-users.ts`.
	 *
	 * @param typed.password the password; a guest types `confirmation` instead: the word "delete"
	 * @throws CredentialsError `invalid_credentials`, `wrong_password`, `not_confirmed`, `account_changed`; LoglineError
	 *   `busy`, `too_many_attempts`
	 */
	deleteAccount(asking: Asking, typed: { password: string; confirmation: string }): Promise<void>;
}

/** What the functions need. */
export interface OwnAccountParts {
	pool: Queryable;
	throttle: Pick<Throttle, 'countSignUp'>;
	passwords: Passwords;
	recognise: Recognise;
	/** Called after a user was deleted. */
	onDeleted: (user: User) => void;
}

/** See {@link OwnAccount}. */
export function createOwnAccount(parts: OwnAccountParts): OwnAccount {
	const { pool, throttle, passwords, recognise, onDeleted } = parts;

	async function isGuest({ id }: User): Promise<boolean> {
		const [row] = await pool.query<{ guest: boolean }>(
			'SELECT password_hash IS NULL AS guest FROM users WHERE id = $1',
			[id]
		);
		return row?.guest === true;
	}

	/**
	 * @param field the field of the form where the password was typed
	 * @returns the hash that it was compared with
	 */
	async function requirePassword(
		{ user, browser }: Asking,
		password: string,
		field: 'current' | 'password'
	): Promise<string> {
		if (password === '') {
			throw new CredentialsError('invalid_credentials', { [field]: 'Enter your password.' });
		}
		const found = isTooLong(password)
			? null
			: await recognise({ username: user.name, password }, browser);
		if (found?.user.id !== user.id) {
			throw new CredentialsError('wrong_password', { [field]: 'This is not your password.' });
		}
		return found.passwordHash;
	}

	const endOtherSessions = async ({ id }: User, session: string): Promise<void> => {
		await pool.query('DELETE FROM sessions WHERE user_id = $1 AND id <> $2', [id, session]);
	};

	return {
		async readAccount({ user, session }) {
			const rows = await pool.query<{
				guest: boolean;
				created: Date;
				id: string;
				user_agent: string | null;
				created_at: Date;
				seen_at: Date;
				count: number;
			}>(
				`SELECT u.password_hash IS NULL AS guest, u.created_at AS created,
					s.id, s.user_agent, s.created_at, s.seen_at, (count(*) OVER ())::int AS count
				FROM users AS u JOIN sessions AS s ON s.user_id = u.id
				WHERE u.id = $1 AND s.expires_at > now()
				ORDER BY s.id = $2 DESC, s.seen_at DESC, s.id LIMIT ${LISTED}`,
				[user.id, session]
			);
			const [first] = rows;
			if (!first) return null;
			return {
				guest: first.guest,
				createdAt: first.created,
				sessions: rows.map(({ id, user_agent, created_at, seen_at }) => ({
					id,
					userAgent: user_agent,
					createdAt: created_at,
					seenAt: seen_at,
					current: id === session
				})),
				sessionCount: first.count
			};
		},

		async endSession({ id }, session) {
			if (!/^[0-9a-f]{64}$/.test(session)) return;
			await pool.query('DELETE FROM sessions WHERE id = $1 AND user_id = $2', [session, id]);
		},

		endOtherSessions,

		async changePassword(asking, { current, password }) {
			const { user, session, browser } = asking;
			if (await isGuest(user)) {
				const form = 'A guest has no password. First choose a user name and a password.';
				throw new CredentialsError('no_password', { form });
			}
			checkNewCredentials({ username: user.name, password });
			const compared = await requirePassword(asking, current, 'current');
			const hash = await passwords.hash(password, browser.network);
			// One statement: no moment has the new password and the sessions of the old one. Comparing and hashing take long:
			// of two changes that knew the old password, only the first counts.
			const changed = await pool.query(
				`WITH ${LASTING}, changed AS (
					UPDATE users SET password_hash = $3 FROM lasts WHERE id = lasts.user_id AND password_hash = $4 RETURNING id
				), ended AS (
					DELETE FROM sessions USING changed WHERE user_id = changed.id AND sessions.id <> $2
				) SELECT FROM changed`,
				[user.id, session, hash, compared]
			);
			if (changed.length === 0) throw accountChanged();
			// A sign-in with the old password may have made a session that this statement did not see yet. Later ones see
			// the new password.
			await endOtherSessions(user, session);
		},

		async nameGuest({ user, session, browser }, typed) {
			const { username, password } = checkNewCredentials(typed);
			// It tells which names are taken, and costs a hash, as signing up does.
			await throttle.countSignUp(browser.network);
			const hash = await passwords.hash(password, browser.network);
			const rows = await pool
				.query(
					`WITH ${LASTING} UPDATE users SET username = $4, password_hash = $3 FROM lasts
					WHERE id = lasts.user_id AND password_hash IS NULL RETURNING 1`,
					[user.id, session, hash, username]
				)
				.catch((error: unknown) => {
					throw isTaken(error) ? usernameTaken() : error;
				});
			if (rows.length === 0) {
				const form = 'This account has a user name and a password already.';
				throw new CredentialsError('no_guest', { form });
			}
		},

		async deleteAccount(asking, { password, confirmation }) {
			const { user, session } = asking;
			const guest = await isGuest(user);
			const passwordHash = guest ? null : await requirePassword(asking, password, 'password');
			if (guest && confirmation.trim().toLowerCase() !== 'delete') {
				const problem = 'Type the word “delete” to confirm.';
				throw new CredentialsError('not_confirmed', { confirmation: problem });
			}
			if (!(await deleteUser(pool, user.id, { passwordHash, session }))) throw accountChanged();
			onDeleted(user);
		}
	};
}

const accountChanged = () =>
	new CredentialsError('account_changed', {
		form: 'The account has changed meanwhile. Look at it, and try again.'
	});

const UNIQUE_VIOLATION = '23505';

const isTaken = (error: unknown) => (error as { code?: unknown } | null)?.code === UNIQUE_VIOLATION;
