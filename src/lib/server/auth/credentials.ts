/** What a user name and a password must look like, and how a form is told that they do not. */
import { LoglineError } from '$lib/protocol';

/** What a person types to sign up or in. */
export interface Credentials {
	username: string;
	password: string;
}

/** What is wrong, by the field it belongs to; `form` belongs to both together. */
export type Problems = Partial<Record<keyof Credentials | 'form', string>>;

/**
 * Bad input in a sign-up or sign-in form. Its code is `invalid_credentials`, `username_taken` or `wrong_credentials`.
 */
export class CredentialsError extends LoglineError {
	override name = 'CredentialsError';

	constructor(
		code: string,
		/** For people; may be shown as it is. */
		readonly problems: Problems
	) {
		super(code, Object.values(problems).join(' '), 400);
	}
}

const MAX_PASSWORD = 200;

/**
 * Checks what somebody wants to sign up with. A user name has 3 to 32 characters (ASCII letters, digits, `_`, `-`, `.`; no
 * other letters, because many look alike); a password 8 to 200, of any kind. Spaces around the user name are dropped:
 * keyboards of phones add one.
 *
 * @throws CredentialsError `invalid_credentials`, with every problem at once.
 */
export function checkNewCredentials(typed: Credentials): Credentials {
	const username = typed.username.trim();
	const problems: Problems = {};
	if (username.length < 3 || username.length > 32) {
		problems.username = 'A user name has 3 to 32 characters.';
	} else if (!/^[A-Za-z0-9_.-]+$/.test(username)) {
		problems.username = 'A user name consists of the letters a to z, digits, “_”, “-” and “.”.';
	}
	const length = [...typed.password].length;
	if (length < 8) {
		problems.password = 'A password has at least 8 characters.';
	} else if (length > MAX_PASSWORD) {
		problems.password = `A password has at most ${MAX_PASSWORD} characters.`;
	}
	if (Object.keys(problems).length > 0) throw new CredentialsError('invalid_credentials', problems);
	return { username, password: typed.password };
}

/**
 * Checks what somebody signs in with: only that it is there, and short enough to be worth hashing. The rules of sign-up do
 * not apply, so that they can change without locking anyone out.
 *
 * @throws CredentialsError `invalid_credentials` when a field is empty, `wrong_credentials` when one is too long to be right.
 */
export function checkTypedCredentials(typed: Credentials): Credentials {
	const username = typed.username.trim();
	const problems: Problems = {};
	if (username === '') problems.username = 'Enter your user name.';
	if (typed.password === '') problems.password = 'Enter your password.';
	if (Object.keys(problems).length > 0) throw new CredentialsError('invalid_credentials', problems);
	// A NUL can be in no name, and Postgres refuses it with an error that would look like a fault of ours.
	if (
		username.length > 200 ||
		username.includes('\0') ||
		[...typed.password].length > MAX_PASSWORD
	) {
		throw wrongCredentials();
	}
	return { username, password: typed.password };
}

/** The one answer to an unknown user and to a wrong password: which of the two it was is nobody's business. */
export function wrongCredentials(): CredentialsError {
	return new CredentialsError('wrong_credentials', {
		form: 'The user name or the password is wrong.'
	});
}

/** The answer to a user name somebody has already. */
export function usernameTaken(): CredentialsError {
	return new CredentialsError('username_taken', {
		username: 'This user name is taken. Choose another one, or sign in if it is yours.'
	});
}
