/** Requests that must be refused. A user called "ada" has an account. */
import { form, PASSWORD } from './account.ts';

const JSON_BODY = { 'content-type': 'application/json' };
const chat = (body: string, headers: Record<string, string> = JSON_BODY): RequestInit => ({
	method: 'POST',
	body,
	headers
});

/** A request and the expected response. */
export interface Refusal {
	name: string;
	path: string;
	init?: RequestInit;
	status: number;
	/** Code of a JSON error. */
	code?: string;
	/** Text in the returned page. */
	text?: string;
}

/** For a signed-in user. */
export const SIGNED_IN: Refusal[] = [
	{
		name: 'an unknown topic',
		path: '/api/events?topics=weather',
		status: 400,
		code: 'invalid_topics'
	},
	{
		name: 'only unknown topics',
		path: '/api/events?topics=weather&topics=rooms/../messages',
		status: 400,
		code: 'invalid_topics'
	},
	{ name: 'no topic', path: '/api/events', status: 400, code: 'invalid_topics' },
	{ name: 'an empty topic', path: '/api/events?topics=', status: 400, code: 'invalid_topics' },
	{
		name: "the log's own topic",
		path: '/api/events?topics=$subscribed',
		status: 400,
		code: 'invalid_topics'
	},
	{
		name: 'a wildcard of nothing that is declared',
		path: '/api/events?topics=weather/*',
		status: 400,
		code: 'invalid_topics'
	},
	{
		name: 'an encoded slash in the name of a room',
		path: '/api/events?topics=rooms/4%252f2/messages',
		status: 400,
		code: 'invalid_topics'
	},
	{
		name: 'a count that is not a number',
		path: '/api/events?topics=logs@x',
		status: 400,
		code: 'invalid_topics'
	},
	{
		name: 'a cursor that is not a number',
		path: '/api/events?topics=logs&lastEventID=abc',
		status: 400,
		code: 'invalid_cursor'
	},
	{
		name: 'a negative cursor',
		path: '/api/events?topics=logs&lastEventID=-1',
		status: 400,
		code: 'invalid_cursor'
	},
	{
		name: 'a cursor no log can reach',
		path: '/api/events?topics=logs&lastEventID=9223372036854775808',
		status: 400,
		code: 'invalid_cursor'
	},
	{
		name: 'a bad cursor in the header',
		path: '/api/events?topics=logs&lastEventID=1',
		init: { headers: { 'last-event-id': '1; drop' } },
		status: 400,
		code: 'invalid_cursor'
	},
	{
		name: 'a bad client name',
		path: '/api/events?topics=logs&client=a%20b',
		status: 400,
		code: 'invalid_client'
	},
	{
		name: 'a client name that is too long',
		path: `/api/events?topics=logs&client=${'a'.repeat(65)}`,
		status: 400,
		code: 'invalid_client'
	},
	{
		name: 'JSON that is none',
		path: '/api/chat',
		init: chat('{"action":'),
		status: 400,
		code: 'invalid_body'
	},
	{
		name: 'JSON that is no object',
		path: '/api/chat',
		init: chat('"reset"'),
		status: 400,
		code: 'invalid_body'
	},
	{
		name: 'no body',
		path: '/api/chat',
		init: { method: 'POST' },
		status: 400,
		code: 'invalid_body'
	},
	{
		name: 'an oversized body',
		path: '/api/chat',
		init: chat(`{"action":"reset","x":"${'x'.repeat(100_000)}"}`),
		status: 413,
		code: 'body_too_large'
	},
	{
		name: 'a body beyond what the server takes at all',
		path: '/api/chat',
		init: chat(`{"action":"reset","x":"${'x'.repeat(2_000_000)}"}`),
		status: 413,
		code: 'body_too_large'
	},
	{
		name: 'an unknown action',
		path: '/api/chat',
		init: chat('{"action":"win"}'),
		status: 400,
		code: 'unknown_action'
	},
	{ name: 'no action', path: '/api/chat', init: chat('{}'), status: 400, code: 'unknown_action' },
	{
		name: 'a reply when nothing was asked',
		path: '/api/chat',
		init: chat('{"action":"send_prompt"}'),
		status: 409,
		code: 'not_waiting'
	},
	{
		name: "another site's page that resets the chat",
		path: '/api/chat',
		init: chat('{"action":"reset"}', { ...JSON_BODY, origin: 'https://evil.example' }),
		status: 403,
		code: 'foreign_origin'
	},
	{
		name: 'the same without saying what it sends',
		path: '/api/chat',
		init: chat('{"action":"reset"}', { 'content-type': 'text/plain', origin: 'null' }),
		status: 403,
		code: 'foreign_origin'
	},
	{
		name: "another site's page that signs out",
		path: '/logout',
		init: { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } },
		status: 403,
		code: 'foreign_origin'
	},
	{
		name: 'a wrong password of somebody who is signed in already',
		path: '/login',
		init: form({ username: 'ada', password: 'wrong horse battery' }),
		status: 400,
		text: 'The user name or the password is wrong.'
	},
	{
		name: 'a bad sign-up of somebody who is signed in already',
		path: '/signup',
		init: form({ username: 'b', password: PASSWORD }),
		status: 400,
		text: 'A user name has 3 to 32 characters.'
	}
];

/** Names of form actions that every object has, and the one that SvelteKit reserves. */
const NO_ACTIONS = [
	'constructor',
	'default',
	'__proto__',
	'hasOwnProperty',
	'toString',
	'valueOf',
	'isPrototypeOf',
	'__defineGetter__',
	'nothing'
];

/** Without a sign-in. */
export const SIGNED_OUT: Refusal[] = [
	...['/login', '/signup'].flatMap((path) =>
		NO_ACTIONS.map((action) => ({
			name: `an action of ${path} called "${action}"`,
			path: `${path}?redirectTo=/&/${action}`,
			init: form({ username: 'ada', password: PASSWORD }),
			status: 404
		}))
	),
	{
		name: 'a stream of a topic there is not: who is not signed in is not told which there are',
		path: '/api/events?topics=weather',
		status: 401,
		code: 'unauthorized'
	},
	{
		name: 'a very common password',
		path: '/signup',
		init: form({ username: 'bea', password: 'Password1' }),
		status: 400,
		text: 'This password is one of the most common ones.'
	},
	{
		name: 'the user name as the password',
		path: '/signup',
		init: form({ username: 'Beatrice', password: 'beatrice' }),
		status: 400,
		text: 'The password must not be the user name.'
	},
	{
		name: 'eight spaces as the password',
		path: '/signup',
		init: form({ username: 'bea', password: ' '.repeat(8) }),
		status: 400,
		text: 'A password is more than spaces.'
	},
	{ name: 'a stream', path: '/api/events?topics=logs', status: 401, code: 'unauthorized' },
	{
		name: 'a chat action',
		path: '/api/chat',
		init: chat('{"action":"reset"}'),
		status: 401,
		code: 'unauthorized'
	},
	{
		name: 'a stream with a session that never was',
		path: '/api/events?topics=logs',
		init: { headers: { cookie: 'auth_session=abcdefghijklmnopqrstuvwxyz0123456789abcd' } },
		status: 401,
		code: 'unauthorized'
	},
	{
		name: 'a user name that is taken',
		path: '/signup',
		init: form({ username: 'ADA', password: PASSWORD }),
		status: 400,
		text: 'This user name is taken.'
	},
	{
		name: 'a short password',
		path: '/signup',
		init: form({ username: 'bea', password: '1234567' }),
		status: 400,
		text: 'A password has at least 8 characters.'
	},
	{
		name: 'a user name of one letter',
		path: '/signup',
		init: form({ username: 'b', password: PASSWORD }),
		status: 400,
		text: 'A user name has 3 to 32 characters.'
	},
	{
		name: 'a user name with markup',
		path: '/signup',
		init: form({ username: '<b>bea</b>', password: PASSWORD }),
		status: 400,
		text: '&lt;b>bea&lt;/b>'
	},
	{
		name: 'an empty form',
		path: '/signup',
		init: form({}),
		status: 400,
		text: 'A user name has 3 to 32 characters.'
	},
	{
		name: 'a form that is none',
		path: '/signup',
		init: { method: 'POST', body: '{}', headers: JSON_BODY },
		status: 415
	},
	{
		name: 'a wrong password',
		path: '/login',
		init: form({ username: 'ada', password: 'wrong horse battery' }),
		status: 400,
		text: 'The user name or the password is wrong.'
	},
	{
		name: 'an unknown user',
		path: '/login',
		init: form({ username: 'nobody', password: PASSWORD }),
		status: 400,
		text: 'The user name or the password is wrong.'
	},
	{
		name: "another site's sign-up form",
		path: '/signup',
		init: {
			...form({ username: 'bea', password: PASSWORD }),
			headers: { origin: 'https://evil.example' }
		},
		status: 403,
		code: 'foreign_origin'
	}
];
