/** Accounts: sign-up, sign-in and sign-out. Only this module and its adapter import lucia. */
import { generateIdFromEntropySize, Lucia, TimeSpan } from 'lucia';
import type { Logger } from 'pino';
import type { Config } from '$src/app/config.ts';
import type { Database } from '$src/app/database.ts';
import { describeBrowser, type Browser } from './browser.ts';
import {
	checkNewCredentials,
	checkTypedCredentials,
	usernameTaken,
	wrongCredentials,
	type Credentials
} from './credentials.ts';
import { guestName } from './guest-name.ts';
import { createLastSeen } from './last-seen.ts';
import { busy, createLines } from './line.ts';
import { createOwnAccount, type OwnAccount } from './own-account.ts';
import { passwords as processPasswords, type Passwords } from './passwords.ts';
import {
	createRecognise,
	lineOf,
	namesDevice,
	readDeviceToken,
	type Knock,
	type Recognised
} from './recognise.ts';
import { createSessionAdapter, hashToken } from './session-adapter.ts';
import { createSessionReader, type SessionReader } from './session-reader.ts';
import { createThrottle } from './throttle.ts';
import type { User } from './user.ts';

/** A session ends this long after its last use, in seconds: 30 days. */
export const SESSION_SECONDS = 30 * 86_400;

/**
 * Random bytes of a new user's id. lucia makes 16 letters and digits of them: shorter than a UUID, because every event and
 * every entry of the replay index has the id.
 */
const USER_ID_BYTES = 10;

/** Names that are tried for a guest. There are 60 million, so the first one is nearly always free. */
const GUEST_NAMES = 10;

/** Minimum time between two log lines about a missing address, in milliseconds. */
const ADDRESS_MS = 60_000;

/** A valid session. Contains no secret. */
export interface Session {
	user: User;
	/** SHA-256 of the token, as in `sessions.id`. */
	sessionHash: string;
	expiresAt: Date;
	/** The session was just renewed: send its cookie again, with the same value. */
	fresh: boolean;
}

/** Result of a successful sign-up or sign-in. Both tokens are secrets: put them into cookies and nowhere else. */
export interface SignedIn {
	user: User;
	token: string;
	deviceToken: string;
}

/** A sign-in from a new device, of which the user should be notified. */
export interface NewDevice {
	user: User;
	/** For example "Chrome on Windows". */
	description: string;
	/** The same for the same device of the same user. Used as the key of an event, it prevents a second event. */
	key: string;
}

/** The accounts of one database. */
export interface Auth extends SessionReader, OwnAccount {
	/**
	 * Finds the session of a cookie. In the second half of its 30 days, a session is renewed and keeps its token. An expired
	 * session is deleted.
	 */
	validate(token: string): Promise<Session | null>;
	/**
	 * Refuses, from memory, requests that would be refused whatever the form contains. It reads, queries and renders
	 * nothing.
	 *
	 * @throws LoglineError `busy`, `too_many_attempts`, `too_many_signups`
	 */
	turnAway(from: 'signIn' | 'signUp', browser: Knock): void;
	/** Logs, at most once a minute, that a request lacks the address header that the operator configured. */
	addressIsMissing(error: unknown): void;
	/**
	 * Creates an account and signs in.
	 *
	 * @throws CredentialsError `invalid_credentials`, `username_taken`; LoglineError `busy`, `too_many_signups`
	 */
	signUp(credentials: Credentials, browser: Browser): Promise<SignedIn>;
	/**
	 * Signs in, and ends the previous session of this browser.
	 *
	 * @throws CredentialsError `invalid_credentials`, `wrong_credentials`; LoglineError `busy`, `too_many_attempts`
	 */
	signIn(credentials: Credentials, browser: Browser): Promise<SignedIn>;
	/**
	 * Creates a guest, who has a name and no password, and signs in.
	 *
	 * @throws LoglineError `too_many_signups`, `busy`
	 */
	startAsGuest(browser: Browser): Promise<SignedIn>;
	/** Ends a session. Does nothing when there is none. */
	signOut(token: string): Promise<void>;
	/** Deletes every expired session, which also ends its streams. */
	endExpiredSessions(): Promise<void>;
	/** Writes when sessions were last used. */
	writeLastSeen(): Promise<void>;
	/** @returns SHA-256 (hex) of a token, as in `sessions.id` */
	hashToken(token: string): string;
}

/** Optional parts of {@link createAuth}. */
export interface AuthOptions {
	/**
	 * Notifies a user of a sign-in from a device that the account has not used before. Not called at sign-up. The device
	 * counts as known after this has resolved. So a failed notice is tried again at the next sign-in from there, and `key`
	 * prevents a second event.
	 */
	onNewDevice?: (device: NewDevice) => Promise<void>;
	/** Called after a user was deleted. */
	onDeleted?: (user: User) => void;
	/** Replaced in tests. */
	passwords?: Passwords;
}

/** Creates the accounts of a database. It holds nothing that must be closed. */
export function createAuth(
	{ pool, background }: Pick<Database, 'pool' | 'background'>,
	config: Pick<Config, 'loginAttemptsPerMinute' | 'signupsPer10Minutes'>,
	parentLogger: Logger,
	options: AuthOptions = {}
): Auth {
	const logger = parentLogger.child({ source: 'auth' });
	const passwords = options.passwords ?? processPasswords;
	const throttle = createThrottle(pool, config);
	const lines = createLines();
	const lastSeen = createLastSeen(background);
	const recognise = createRecognise({ pool, throttle, lines, passwords });
	const lucia = new Lucia(createSessionAdapter(pool), {
		sessionExpiresIn: new TimeSpan(SESSION_SECONDS, 's'),
		getUserAttributes: ({ username }) => ({ username })
	});

	let addressToldAt = -Infinity;

	async function openSession(user: User, browser: Browser, deviceToken: string) {
		const session = await lucia.createSession(user.id, { userAgent: browser.userAgent });
		// Someone who knows the old token must not share the new session, and must not keep the old one.
		if (browser.sessionToken) await lucia.invalidateSession(browser.sessionToken);
		return { user, token: session.id, deviceToken };
	}

	/** Adds a user and signs in. null: the name is taken. When two want it at the same time, the unique index decides. */
	async function addUser(
		username: string,
		passwordHash: string | null,
		browser: Browser
	): Promise<SignedIn | null> {
		const [row] = await pool.query<{ id: string }>(
			`INSERT INTO users (id, username, password_hash) VALUES ($1, $2, $3)
			ON CONFLICT (lower(username)) DO NOTHING RETURNING id`,
			[generateIdFromEntropySize(USER_ID_BYTES), username, passwordHash]
		);
		if (!row) return null;
		const user = { id: row.id, name: username };
		const deviceToken = readDeviceToken(browser);
		await rememberDevice(user, hashToken(deviceToken));
		return openSession(user, browser, deviceToken);
	}

	/** The password may have been changed after it was compared. Then the session is one that the change did not see. */
	async function requireSame({ user, passwordHash }: Recognised, { token }: SignedIn) {
		const same = await pool.query('SELECT FROM users WHERE id = $1 AND password_hash = $2', [
			user.id,
			passwordHash
		]);
		if (same.length > 0) return;
		await lucia.invalidateSession(token);
		throw wrongCredentials();
	}

	async function rememberDevice(user: User, device: string): Promise<void> {
		await pool.query(
			'INSERT INTO devices (user_id, device_id) VALUES ($1, $2) ON CONFLICT DO NOTHING',
			[user.id, device]
		);
	}

	/**
	 * A notice that cannot be written must not prevent the sign-in: the failure is logged, and the next sign-in tries again.
	 */
	async function noticeDevice(user: User, browser: Browser, device: string): Promise<void> {
		try {
			const [row] = await pool.query<{ known: boolean | null }>(
				'SELECT bool_or(device_id = $1) AS known FROM devices WHERE user_id = $2',
				[device, user.id]
			);
			if (row?.known) return;
			// No rows: this is the user's first device, so no warning is needed.
			if (row?.known === false && options.onNewDevice) {
				const key = `new-device:${user.id}:${device}`;
				await options.onNewDevice({ user, description: describeBrowser(browser.userAgent), key });
			}
			await rememberDevice(user, device);
		} catch (error) {
			logger.error({ err: error, userId: user.id }, 'a sign-in from a new device was not told');
		}
	}

	return {
		...createSessionReader(pool, background, (session) => lastSeen.note(session)),
		...createOwnAccount({
			pool,
			throttle,
			passwords,
			recognise,
			onDeleted: (user) => {
				logger.info({ userId: user.id }, 'deleted');
				options.onDeleted?.(user);
			}
		}),

		async validate(token) {
			const { session, user } = await lucia.validateSession(token);
			if (!session) return null;
			const sessionHash = hashToken(token);
			lastSeen.note(sessionHash);
			return {
				user: { id: user.id, name: user.username },
				sessionHash,
				expiresAt: session.expiresAt,
				fresh: session.fresh
			};
		},

		turnAway(from, browser) {
			if (from === 'signUp') return throttle.turnAwaySignUp(browser.network);
			throttle.turnAwaySignIn(browser.network, namesDevice(browser));
			if (lines.isFull(lineOf(browser))) throw busy();
		},

		addressIsMissing(error) {
			if (performance.now() < addressToldAt + ADDRESS_MS) return;
			addressToldAt = performance.now();
			logger.warn(
				{ err: error },
				'a request came without the address of its visitor: those all count as one network. Let the proxy send what ADDRESS_HEADER and XFF_DEPTH name.'
			);
		},

		async signUp(typed, browser) {
			const { username, password } = checkNewCredentials(typed);
			await throttle.countSignUp(browser.network);
			const passwordHash = await passwords.hash(password, browser.network);
			const signedIn = await addUser(username, passwordHash, browser);
			if (!signedIn) throw usernameTaken();
			logger.info({ userId: signedIn.user.id }, 'signed up');
			return signedIn;
		},

		async signIn(typed, browser) {
			const credentials = checkTypedCredentials(typed);
			const found = await recognise(credentials, browser);
			if (!found) throw wrongCredentials();
			const { user } = found;
			const deviceToken = readDeviceToken(browser);
			const signedIn = await openSession(user, browser, deviceToken);
			await requireSame(found, signedIn);
			await noticeDevice(user, browser, hashToken(deviceToken));
			logger.info({ userId: user.id }, 'signed in');
			return signedIn;
		},

		async startAsGuest(browser) {
			await throttle.countSignUp(browser.network);
			for (let tries = 0; tries < GUEST_NAMES; tries++) {
				const signedIn = await addUser(guestName(), null, browser);
				if (!signedIn) continue;
				logger.info({ userId: signedIn.user.id }, 'signed up as a guest');
				return signedIn;
			}
			throw busy();
		},

		signOut: (token) => lucia.invalidateSession(token),
		endExpiredSessions: () => lucia.deleteExpiredSessions(),
		writeLastSeen: () => lastSeen.write(),
		hashToken
	};
}
