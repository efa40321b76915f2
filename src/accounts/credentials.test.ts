import { describe, expect, it } from 'vitest';
import {
	checkNewCredentials,
	checkTypedCredentials,
	CredentialsError,
	type Credentials
} from './credentials.ts';

const PASSWORD = 'correct horse';

/** Returns the problems that a form would show for this input. */
function problemsOf(check: (typed: Credentials) => unknown, username: string, password: string) {
	try {
		check({ username, password });
	} catch (error) {
		if (error instanceof CredentialsError) return { code: error.code, ...error.problems };
		throw error;
	}
	return null;
}

describe('signing up', () => {
	it.each(['ada', 'Ada_Lovelace-1815.x', '123', 'a'.repeat(32)])(
		'takes the user name %j',
		(name) => {
			expect(checkNewCredentials({ username: name, password: PASSWORD }).username).toBe(name);
		}
	);

	it('drops spaces around the user name, but none of the password', () => {
		const checked = checkNewCredentials({ username: ' ada ', password: ' horse 7 ' });
		expect(checked).toEqual({ username: 'ada', password: ' horse 7 ' });
	});

	it.each(['', 'ad', 'a'.repeat(33)])('says how long a user name is, to %j', (name) => {
		const problems = problemsOf(checkNewCredentials, name, PASSWORD);
		expect(problems).toMatchObject({ code: 'invalid_credentials' });
		expect(problems?.username).toMatch('3 to 32');
		expect(problems?.password).toBeUndefined();
	});

	it.each(['ada lovelace', 'ada@home', 'adа (cyrillic)', 'äda', 'ada\n1', 'a\0da', '<b>ada</b>'])(
		'says what a user name consists of, to %j',
		(name) => {
			expect(problemsOf(checkNewCredentials, name, PASSWORD)?.username).toMatch('a to z');
		}
	);

	it.each([
		['', 'at least 8'],
		['1234567', 'at least 8'],
		['ääääääa', 'at least 8'],
		['😀😀😀😀', 'at least 8'],
		// Each é consists of two characters.
		['cafe\u0301 e\u0301', 'at least 8'],
		['a'.repeat(201), 'at most 200']
	])('says how long a password is, to %j', (password, expected) => {
		expect(problemsOf(checkNewCredentials, 'ada', password)?.password).toMatch(expected);
	});

	it.each([
		['        ', 'more than spaces'],
		['\u00a0\u2003\u3000 \u00a0\u2003\u3000 ', 'more than spaces'],
		['\u200b'.repeat(9), 'more than spaces'],
		['aaaaaaaa', 'repeated'],
		['Lovelace', 'user name'],
		['ＬＯＶＥＬＡＣＥ', 'user name'],
		[' lovelace', 'user name'],
		['password', 'most common'],
		['PassWord1', 'most common'],
		['12345678', 'most common'],
		['ｐａｓｓｗｏｒｄ', 'most common'],
		['iloveyou1', 'most common']
	])('refuses a password that is tried first, %j, and says why', (password, expected) => {
		expect(problemsOf(checkNewCredentials, 'lovelace', password)?.password).toMatch(expected);
	});

	it('measures a password in the form it is kept in, so that who could sign up can sign in', () => {
		const password = 'e\u0301'.repeat(100) + 'a\u0301'.repeat(99);
		expect(problemsOf(checkNewCredentials, 'ada', password)).toBeNull();
		expect(problemsOf(checkTypedCredentials, 'ada', password)).toBeNull();
		// One character that normalization expands to 18.
		expect(problemsOf(checkNewCredentials, 'ada', 'x' + '\ufdfa'.repeat(12))?.password).toMatch(
			'at most 200'
		);
	});

	it.each(['tr0mbone', 'ab'.repeat(100), '😀😃'.repeat(4)])('takes the password %j', (password) => {
		expect(problemsOf(checkNewCredentials, 'ada', password)).toBeNull();
	});

	it('tells everything that is wrong at once', () => {
		const problems = problemsOf(checkNewCredentials, '', '');
		expect(Object.keys(problems ?? {}).sort()).toEqual(['code', 'password', 'username']);
	});
});

describe('signing in', () => {
	it('asks for what is missing, at its field', () => {
		expect(problemsOf(checkTypedCredentials, ' ', '')).toEqual({
			code: 'invalid_credentials',
			username: 'Enter your user name.',
			password: 'Enter your password.'
		});
	});

	it('does not apply the rules of sign-up, which may have been others once', () => {
		expect(problemsOf(checkTypedCredentials, 'x', 'short')).toBeNull();
	});

	it.each([
		['a'.repeat(201), PASSWORD],
		['ada\0', PASSWORD],
		['ada', 'a'.repeat(201)]
	])('answers what cannot be right as it answers a wrong password', (username, password) => {
		expect(problemsOf(checkTypedCredentials, username, password)?.code).toBe('wrong_credentials');
	});
});
