/** The rules for user names and passwords, and the errors for a form that breaks them. */
import { LoglineError } from 'logline';
import { isCommonPassword } from './common-passwords.ts';
import { normalizePassword } from './passwords.ts';

/** What a user types to sign up or sign in. */
export interface Credentials {
	username: string;
	password: string;
}

/**
 * Problems per field. `current` is the present password, `confirmation` a typed word; `form` is for errors of no single field.
 */
export type Problems = Partial<
	Record<keyof Credentials | 'current' | 'confirmation' | 'form', string>
>;

/** Bad input in a form of an account. */
export class CredentialsError extends LoglineError {
	override name = 'CredentialsError';

	constructor(
		code: string,
		/** Text for users. May be shown as it is. */
		readonly problems: Problems
	) {
		super(code, Object.values(problems).join(' '), 400);
	}
}

const MIN_PASSWORD = 8;
const MAX_PASSWORD = 200;

/**
 * Checks new credentials. A user name has 3 to 32 characters (ASCII letters, digits, `_`, `-`, `.`; no other letters,
 * because many look alike). A password has 8 to 200 characters of any kind and is not a common one. Spaces around the user
 * name are removed, because phone keyboards add one.
 *
 * @see https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver length and a list of common ones, no rules of composition
 * @throws CredentialsError `invalid_credentials`, with all problems at once
 */
export function checkNewCredentials(typed: Credentials): Credentials {
	const username = typed.username.trim();
	const problems: Problems = {};
	if (username.length < 3 || username.length > 32) {
		problems.username = 'A user name has 3 to 32 characters.';
	} else if (!/^[A-Za-z0-9_.-]+$/.test(username)) {
		problems.username = 'A user name consists of the letters a to z, digits, “_”, “-” and “.”.';
	}
	const weakness = findWeakness(typed.password, username);
	if (weakness) problems.password = weakness;
	if (Object.keys(problems).length > 0) throw new CredentialsError('invalid_credentials', problems);
	return { username, password: typed.password };
}

/** Returns why a password must not be used, as a sentence; null: it may be used. */
function findWeakness(typed: string, username: string): string | null {
	const password = normalizePassword(typed);
	const characters = [...password];
	if (characters.length < MIN_PASSWORD) {
		return `A password has at least ${MIN_PASSWORD} characters.`;
	}
	if (characters.length > MAX_PASSWORD) {
		return `A password has at most ${MAX_PASSWORD} characters.`;
	}
	// Unicode categories Other and Separator: invisible characters.
	if (/^[\p{C}\p{Z}]*$/u.test(password)) return 'A password is more than spaces.';
	if (new Set(characters).size === 1) return 'A password is more than one character, repeated.';
	if (password.trim().toLowerCase() === username.toLowerCase()) {
		return 'The password must not be the user name.';
	}
	if (isCommonPassword(password)) {
		return 'This password is one of the most common ones. Choose another, such as a few words that only you would put together.';
	}
	return null;
}

/**
 * Checks credentials at sign-in: only that they are present, and not too long to be hashed. The rules of sign-up do not
 * apply, so that a change of these rules locks no user out.
 *
 * @throws CredentialsError `invalid_credentials` when a field is empty, `wrong_credentials` when one is too long to be right
 */
export function checkTypedCredentials(typed: Credentials): Credentials {
	const username = typed.username.trim();
	const problems: Problems = {};
	if (username === '') problems.username = 'Enter your user name.';
	if (typed.password === '') problems.password = 'Enter your password.';
	if (Object.keys(problems).length > 0) throw new CredentialsError('invalid_credentials', problems);
	// No name contains NUL, and Postgres rejects it with an error that would look like an internal error.
	if (username.length > 200 || username.includes('\0') || isTooLong(typed.password)) {
		throw wrongCredentials();
	}
	return { username, password: typed.password };
}

/** @returns true when nobody can have this password: it is not even hashed */
export function isTooLong(password: string): boolean {
	return [...normalizePassword(password)].length > MAX_PASSWORD;
}

/** The same error for an unknown user and for a wrong password, so that it does not reveal which users exist. */
export function wrongCredentials(): CredentialsError {
	return new CredentialsError('wrong_credentials', {
		form: 'The user name or the password is wrong.'
	});
}

/** The error for a user name that is already taken. */
export function usernameTaken(): CredentialsError {
	return new CredentialsError('username_taken', {
		username: 'This user name is taken. Choose another one, or sign in if it is yours.'
	});
}
