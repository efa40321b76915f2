/** Requests that must be refused. Somebody called "ada" has an account. */
import { form, PASSWORD } from './account.ts';

const JSON_BODY = { 'content-type': 'application/json' };
const chat = (body: string, headers: Record<string, string> = JSON_BODY): RequestInit => ({
	method: 'POST',
	body,
	headers
});

/** What is asked for, and what must be answered. */
export interface Refusal {
	name: string;
	path: string;
	init?: RequestInit;
	status: number;
	/** Of a JSON error. */
	code?: string;
	/** Stands in the page that comes back. */
	text?: string;
}

/** For somebody who is signed in. */
export const SIGNED_IN: Refusal[] = [
	{
		name: 'an unknown topic',
		path: '/api/events?topics=weather',
		status: 400,
		code: 'invalid_topics'
	},
	{
		name: 'one unknown topic among known ones',
		path: '/api/events?topics=logs&topics=weather',
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
		status: 400,
		code: 'invalid_body'
	},
	{
		name: 'a body beyond what the server takes at all',
		path: '/api/chat',
		init: chat(`{"action":"reset","x":"${'x'.repeat(2_000_000)}"}`),
		status: 400,
		code: 'invalid_body'
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
	}
];

/** For somebody who is not. */
export const SIGNED_OUT: Refusal[] = [
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
