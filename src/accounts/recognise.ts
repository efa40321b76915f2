import { randomBytes } from 'node:crypto';
import type { Queryable } from 'logline/server';
import type { Browser } from './browser.ts';
import type { Credentials } from './credentials.ts';
import type { Lines } from './line.ts';
import type { Passwords } from './passwords.ts';
import { hashToken } from './session-adapter.ts';
import type { Throttle } from './throttle.ts';
import type { User } from './user.ts';

/** What is known of a browser before its form is read. */
export type Knock = Pick<Browser, 'network' | 'deviceToken'>;

/** A user whose password was right. */
export interface Recognised {
	user: User;
	/** The hash that it was compared with. */
	passwordHash: string;
}

/**
 * Compares a user name and a password, and counts the attempt.
 *
 * @returns null: the user name or the password is wrong
 * @throws LoglineError `busy`, `too_many_attempts`
 */
export type Recognise = (credentials: Credentials, browser: Knock) => Promise<Recognised | null>;

/** What the database knows about an attempt. */
interface Found {
	/** The typed user name in the form that the index of `users` compares. */
	account: string;
	id: string | null;
	username: string | null;
	password_hash: string | null;
	known: boolean;
}

/** Creates the only function that compares passwords, so that every place where one can be guessed shares the counts. */
export function createRecognise(parts: {
	pool: Queryable;
	throttle: Pick<Throttle, 'countSignIn'>;
	lines: Lines;
	passwords: Passwords;
}): Recognise {
	const { pool, throttle, lines, passwords } = parts;

	async function compare(
		{ username, password }: Credentials,
		{ network, deviceToken }: Knock
	): Promise<Recognised | null> {
		const device = isDeviceToken(deviceToken) ? hashToken(deviceToken) : null;
		const [row] = await pool.query<Found>(
			`SELECT lower($1::text) AS account, u.id, u.username, u.password_hash, d.device_id IS NOT NULL AS known
			FROM (SELECT) AS one
			LEFT JOIN users u ON lower(u.username) = lower($1::text)
			LEFT JOIN devices d ON d.user_id = u.id AND d.device_id = $2`,
			[username, device]
		);
		const { account, known, id, username: name, password_hash: stored } = row!;
		const guess = async () => {
			const giveBack = await throttle.countSignIn({ account, network, device, known });
			let wrong = false;
			try {
				wrong = !(await passwords.verify(stored, password, network));
			} finally {
				// Also give back an attempt that failed before the password was compared.
				if (!wrong) await giveBack();
			}
			return !wrong;
		};
		// An attack on the account must not delay a device that the account is used on.
		const right = await (known ? guess() : lines.inTurn(`account ${account}`, guess));
		if (!right || id === null || name === null || stored === null) return null;
		return { user: { id, name }, passwordHash: stored };
	}

	// One after the other, as for an account: of many concurrent attempts, only one is counted and not yet given back.
	return (credentials, browser) =>
		lines.inTurn(lineOf(browser), () => compare(credentials, browser));
}

const isDeviceToken = (token: string | null): token is string =>
	/^[A-Za-z0-9_-]{22}$/.test(token ?? '');

/** @returns true when the browser has a device token in our format */
export const namesDevice = ({ deviceToken }: Knock): boolean => isDeviceToken(deviceToken);

/** Returns the browser's device token if it has our format, else a new one with 128 random bits. */
export const readDeviceToken = ({ deviceToken }: Knock): string =>
	isDeviceToken(deviceToken) ? deviceToken : randomBytes(16).toString('base64url');

/**
 * Returns the line in which a browser waits to sign in: the line of its network. Browsers that may be a known device have a
 * separate line, so that they do not wait behind guesses.
 */
export const lineOf = (browser: Knock): string =>
	`network ${browser.network}${namesDevice(browser) ? ', with a device' : ''}`;
