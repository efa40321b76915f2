/** Accounts: signing up, in and out. The only module that knows lucia, besides its adapter. */
import { randomBytes } from 'node:crypto';
import { Lucia, TimeSpan } from 'lucia';
import type { Logger } from 'pino';
import type { Viewer } from '$lib/protocol';
import type { Config } from '../config.ts';
import type { Database } from '../database/client.ts';
import { describeBrowser, type Browser } from './browser.ts';
import {
	checkNewCredentials,
	checkTypedCredentials,
	usernameTaken,
	wrongCredentials,
	type Credentials
} from './credentials.ts';
import { passwords as processPasswords, type Passwords } from './passwords.ts';
import { createSessionAdapter, hashToken } from './session-adapter.ts';

/** How long a session lasts after its last use, in seconds: 30 days. */
export const SESSION_SECONDS = 30 * 86_400;

/** A session that is valid now. Holds no secret. */
export interface Session {
	user: Viewer;
	/** SHA-256 of the token, as in `sessions.id`. */
	sessionHash: string;
	expiresAt: Date;
	/** The session has just been renewed: its cookie must be sent again, with the same value. */
	fresh: boolean;
}

/** What a successful sign-up or sign-in gives. Both tokens are secrets that belong into cookies and nowhere else. */
export interface SignedIn {
	user: Viewer;
	token: string;
	deviceToken: string;
}

/** A sign-in that its user should hear of. */
export interface NewDevice {
	user: Viewer;
	/** Such as "Chrome on Windows". */
	description: string;
	/** The same for the same device of the same user: an event appended with it is appended once. */
	key: string;
}

/** Accounts of one database. */
export interface Auth {
	/**
	 * Finds the session of a cookie. One in the second half of its 30 days is renewed, and stays valid under the same token; one
	 * that has expired is deleted.
	 */
	validate(token: string): Promise<Session | null>;
	/**
	 * Makes an account and signs in.
	 *
	 * @throws CredentialsError `invalid_credentials`, `username_taken`; LoglineError `busy`
	 */
	signUp(credentials: Credentials, browser: Browser): Promise<SignedIn>;
	/**
	 * Signs in, and ends the session this browser had.
	 *
	 * @throws CredentialsError `invalid_credentials`, `wrong_credentials`; LoglineError `busy`
	 */
	signIn(credentials: Credentials, browser: Browser): Promise<SignedIn>;
	/** Ends a session. Nothing happens when there is none. */
	signOut(token: string): Promise<void>;
	/** Deletes every session whose time is over, which also ends its streams. */
	endExpiredSessions(): Promise<void>;
	/** SHA-256 (hex) of a token, as in `sessions.id`. */
	hashToken(token: string): string;
}

/** What {@link createAuth} needs besides the database. */
export interface AuthOptions {
	/**
	 * Tells a user of a sign-in from a device they have not used before; never called at sign-up. A device becomes known when
	 * this has resolved, so a notice that failed is tried again at the next sign-in from there; `key` keeps it from doubling.
	 */
	onNewDevice?: (device: NewDevice) => Promise<void>;
	/** Replaced in tests. */
	passwords?: Passwords;
}

/**
 * Accounts on a database. Holds nothing that has to be closed.
 *
 * @param _config limits of sign-in attempts will be read from here
 */
export function createAuth(
	{ sql }: Pick<Database, 'sql'>,
	_config: Config,
	parentLogger: Logger,
	options: AuthOptions = {}
): Auth {
	const logger = parentLogger.child({ source: 'auth' });
	const passwords = options.passwords ?? processPasswords;
	const lucia = new Lucia(createSessionAdapter(sql), {
		sessionExpiresIn: new TimeSpan(SESSION_SECONDS, 's'),
		getUserAttributes: ({ username }) => ({ username })
	});

	async function openSession(user: Viewer, browser: Browser, deviceToken: string) {
		const session = await lucia.createSession(user.userId, { userAgent: browser.userAgent });
		// Whoever planted or saw the old token must not be in the new session, nor stay in the old one.
		if (browser.sessionToken) await lucia.invalidateSession(browser.sessionToken);
		return { user, token: session.id, deviceToken };
	}

	async function rememberDevice(user: Viewer, device: string): Promise<void> {
		await sql`
			insert into devices (user_id, device_id) values (${user.userId}, ${device})
			on conflict do nothing`;
	}

	/** A notice that cannot be written must not keep its user out: failing is logged, and the next sign-in tries again. */
	async function noticeDevice(user: Viewer, browser: Browser, device: string): Promise<void> {
		try {
			const [row] = await sql<{ known: boolean | null }[]>`
				select bool_or(device_id = ${device}) as known from devices where user_id = ${user.userId}`;
			if (row?.known) return;
			// No row at all: the first device of this user, who has nothing to be warned of.
			if (row?.known === false && options.onNewDevice) {
				const key = `new-device:${user.userId}:${device}`;
				await options.onNewDevice({ user, description: describeBrowser(browser.userAgent), key });
			}
			await rememberDevice(user, device);
		} catch (error) {
			logger.error({ err: error, userId: user.userId }, 'a sign-in from a new device was not told');
		}
	}

	return {
		async validate(token) {
			const { session, user } = await lucia.validateSession(token);
			if (!session) return null;
			return {
				user: { userId: user.id, username: user.username },
				sessionHash: hashToken(token),
				expiresAt: session.expiresAt,
				fresh: session.fresh
			};
		},

		async signUp(typed, browser) {
			const { username, password } = checkNewCredentials(typed);
			const passwordHash = await passwords.hash(password);
			// The unique index decides between two who want the same name at the same moment.
			const [row] = await sql<{ id: string }[]>`
				insert into users (username, password_hash) values (${username}, ${passwordHash})
				on conflict (lower(username)) do nothing
				returning id`;
			if (!row) throw usernameTaken();
			const user = { userId: row.id, username };
			const deviceToken = readDeviceToken(browser);
			await rememberDevice(user, hashToken(deviceToken));
			const signedIn = await openSession(user, browser, deviceToken);
			logger.info({ userId: user.userId }, 'signed up');
			return signedIn;
		},

		async signIn(typed, browser) {
			const { username, password } = checkTypedCredentials(typed);
			const [row] = await sql<{ id: string; username: string; password_hash: string }[]>`
				select id, username, password_hash from users where lower(username) = lower(${username})`;
			const right = await passwords.verify(row?.password_hash ?? null, password);
			if (!row || !right) throw wrongCredentials();
			const user = { userId: row.id, username: row.username };
			const deviceToken = readDeviceToken(browser);
			const signedIn = await openSession(user, browser, deviceToken);
			await noticeDevice(user, browser, hashToken(deviceToken));
			logger.info({ userId: user.userId }, 'signed in');
			return signedIn;
		},

		signOut: (token) => lucia.invalidateSession(token),
		endExpiredSessions: () => lucia.deleteExpiredSessions(),
		hashToken
	};
}

/** The device token of a browser: the one it has if it is one of ours, else a new one of 128 random bits. */
function readDeviceToken({ deviceToken }: Browser): string {
	if (deviceToken && /^[A-Za-z0-9_-]{22}$/.test(deviceToken)) return deviceToken;
	return randomBytes(16).toString('base64url');
}
