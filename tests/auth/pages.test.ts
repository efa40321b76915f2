import type { User } from '../../src/accounts/user.ts';
import { isActionFailure, isRedirect, type RequestEvent } from '@sveltejs/kit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openAccountPage, submitAccountForm } from '../../src/accounts/account-forms.server.ts';
import type { Auth } from '../../src/accounts/auth.ts';
import { openDatabase, type Database } from '../../src/app/database.ts';
import { LoglineError } from '../../src/lib/protocol/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { PASSWORD, startAuth } from './accounts.ts';
import { sqlOn } from '../support/queryable.ts';

const ORIGIN = 'http://localhost:3000';

let database: Database;
let auth: Auth;
let drop: () => Promise<void>;

beforeAll(async () => {
	const test = await createTestDatabase();
	drop = () => test.drop();
	database = openDatabase(test.url);
	({ auth } = startAuth(database));
	// The application that `getApp` returns. The forms use nothing else of it.
	Object.assign(globalThis, { [Symbol.for('logline.app')]: { auth } });
});

afterAll(async () => {
	Reflect.deleteProperty(globalThis, Symbol.for('logline.app'));
	await database.end();
	await drop();
});

beforeEach(async () => {
	await sqlOn(database)`delete from users`;
	await sqlOn(database)`delete from rate_limits`;
});

/** Sends a form as a browser does, and returns the result. */
async function send(
	page: string,
	body: FormData | URLSearchParams | string,
	act: Parameters<typeof submitAccountForm>[1],
	init: RequestInit = {}
) {
	const url = new URL(page, ORIGIN);
	const cookies = new Map<string, string>();
	const headers = new Map<string, string>();
	const event = {
		url,
		request: new Request(url, { method: 'POST', body, ...init }),
		getClientAddress: () => '192.0.2.7',
		cookies: {
			get: (name: string) => cookies.get(name),
			set: (name: string, value: string) => cookies.set(name, value)
		},
		setHeaders: (set: Record<string, string>) => {
			for (const [name, value] of Object.entries(set)) headers.set(name, value);
		}
	} as unknown as RequestEvent;
	try {
		const failure = await submitAccountForm(event, act);
		expect(isActionFailure(failure)).toBe(true);
		return { ...failure, location: null, cookies, headers };
	} catch (thrown) {
		if (!isRedirect(thrown)) throw thrown;
		return { status: thrown.status, data: null, location: thrown.location, cookies, headers };
	}
}

const fields = (values: Record<string, string>) => new URLSearchParams(values);
const ada = { username: 'ada', password: PASSWORD };
const signUp = (page: string, values: Record<string, string>) =>
	send(page, fields(values), (auth, credentials, browser) => auth.signUp(credentials, browser));
const signIn = (page: string, values: Record<string, string>) =>
	send(page, fields(values), (auth, credentials, browser) => auth.signIn(credentials, browser));

describe('a form that is right', () => {
	it('signs in and goes on to the start page', async () => {
		const answer = await signUp('/signup', ada);
		expect(answer).toMatchObject({ status: 303, location: '/' });
		expect(await auth.validate(answer.cookies.get('auth_session') ?? '')).not.toBeNull();
		expect(answer.cookies.has('device')).toBe(true);
	});

	it.each([
		['the query', '/login?redirectTo=/log%3Ftopic%3Dchat', {}, '/log?topic=chat'],
		['the form', '/login', { redirectTo: '/account' }, '/account'],
		['the form first', '/login?redirectTo=/log', { redirectTo: '/account' }, '/account'],
		[
			'the query when the form has no good one',
			'/login?redirectTo=/log',
			{ redirectTo: '//x' },
			'/log'
		],
		['nowhere else than here', '/login?redirectTo=//evil.example', { redirectTo: 'https://x' }, '/']
	])('goes on to the page that is asked for in %s', async (_where, page, extra, expected) => {
		await signUp('/signup', ada);
		expect(await signIn(page, { ...ada, ...extra })).toMatchObject({
			status: 303,
			location: expected
		});
	});
});

describe('a form with something wrong', () => {
	it('comes back with what was typed, but never with the password, and signs nobody in', async () => {
		await signUp('/signup', ada);
		const answer = await signIn('/login?redirectTo=/log', {
			username: 'ada',
			password: 'wrong horse'
		});
		expect(answer.status).toBe(400);
		expect(answer.data).toEqual({
			username: 'ada',
			redirectTo: '/log',
			problems: { form: 'The user name or the password is wrong.' }
		});
		expect(answer.cookies.size).toBe(0);
	});

	it('says what is wrong at each field', async () => {
		const answer = await signUp('/signup', { username: 'a', password: 'x' });
		expect(answer.status).toBe(400);
		expect(Object.keys(answer.data?.problems ?? {})).toEqual(['username', 'password']);
	});

	it('says so when nothing was sent, or a file in place of a name', async () => {
		expect((await signIn('/login', {})).data?.problems).toHaveProperty('username');
		const body = new FormData();
		body.set('username', new File(['ada'], 'ada.txt'));
		body.set('password', PASSWORD);
		const answer = await send('/login', body, (auth, credentials, browser) =>
			auth.signIn(credentials, browser)
		);
		expect(answer.data?.problems).toEqual({ username: 'Enter your user name.' });
	});

	it('that cannot be read is the sender’s fault', async () => {
		const init = { headers: { 'content-type': 'multipart/form-data; boundary=x' } };
		await expect(
			send('/login', 'garbage', () => Promise.reject(new Error('not reached')), init)
		).rejects.toMatchObject({ status: 400 });
	});
});

describe('when the server has too much to do', () => {
	it('the form comes back with a time to try again', async () => {
		const answer = await send('/login', fields(ada), () =>
			Promise.reject(new LoglineError('busy', 'Try again in a few seconds.', 503, 3))
		);
		expect(answer.status).toBe(503);
		expect(answer.headers.get('retry-after')).toBe('3');
		expect(answer.data?.problems).toEqual({ form: 'Try again in a few seconds.' });
	});

	it('a fault of ours is not shown as one of the form', async () => {
		const fault = new Error('connection lost');
		await expect(send('/login', fields(ada), () => Promise.reject(fault))).rejects.toBe(fault);
	});
});

describe('after too many attempts', () => {
	it('the form comes back with 429, when to try again, and what was typed', async () => {
		const { auth: server } = startAuth(database);
		const guess = () =>
			send('/login', fields({ ...ada, password: 'wrong horse' }), (_, credentials, browser) =>
				server.signIn(credentials, browser)
			);
		for (let n = 0; n < 10; n++) expect((await guess()).status).toBe(400);
		const answer = await guess();
		expect(answer.status).toBe(429);
		expect(answer.data).toMatchObject({ username: 'ada' });
		expect(answer.data?.problems.form).toMatch(/^Too many attempts to sign in\. Try again in /);
		expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
	});
});

describe('opening the page', () => {
	const open = (page: string, user: User | null, method = 'GET') => {
		const url = new URL(page, ORIGIN);
		const request = new Request(url, { method });
		try {
			return openAccountPage({ url, request, locals: { user, sessionHash: null } });
		} catch (thrown) {
			if (!isRedirect(thrown)) throw thrown;
			return { location: thrown.location };
		}
	};
	const user = { id: '1', name: 'ada' };

	it('keeps where to go on to, if that is a page of ours', () => {
		expect(open('/login?redirectTo=/log', null)).toEqual({ redirectTo: '/log' });
		expect(open('/login?redirectTo=//evil.example', null)).toEqual({ redirectTo: null });
		expect(open('/signup', null)).toEqual({ redirectTo: null });
	});

	it('sends on whoever is signed in already', () => {
		expect(open('/login?redirectTo=/log', user)).toEqual({ location: '/log' });
		expect(open('/login?redirectTo=/login', user)).toEqual({ location: '/' });
		expect(open('/signup', user)).toEqual({ location: '/' });
	});

	it('shows what was refused to who is signed in already, instead of sending them on', () => {
		expect(open('/login?redirectTo=/log', user, 'POST')).toEqual({ redirectTo: '/log' });
	});
});
