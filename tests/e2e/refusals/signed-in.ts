import { form, PASSWORD } from '../account.ts';
import { chat, JSON_BODY, type Refusal } from './refusal.ts';

const MANY_TOPICS = Array.from({ length: 11 }, (_, n) => `&topics=topic-${n}`).join('');

/** Requests that a signed-in user is refused. A user called "ada" has an account. */
export const SIGNED_IN: Refusal[] = [
	...[
		['no topic', 'after=1', 'invalid_topics'],
		['more topics than a page has', `after=1${MANY_TOPICS}`, 'invalid_topics'],
		['an unknown topic', 'after=1&topics=weather', 'invalid_topics'],
		['no begin', 'topics=logs', 'invalid_cursor'],
		['a begin that is not a number', 'topics=logs&after=x', 'invalid_cursor'],
		['an end that is not a number', 'topics=logs&after=1&upTo=-1', 'invalid_cursor'],
		['a limit of nothing', 'topics=logs&after=1&limit=0', 'invalid_limit'],
		['a limit of all', 'topics=logs&after=1&limit=1001', 'invalid_limit']
	].map(([name, query, code]) => ({
		name: `a part of the log with ${name}`,
		path: `/api/between?${query}`,
		status: 400,
		code
	})),
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
	{
		name: 'a reset that was not there to take back',
		path: '/api/chat',
		init: chat('{"action":"undo_reset"}'),
		status: 409,
		code: 'nothing_to_undo'
	},
	{
		name: 'an inbox that is cleared up to nothing known',
		path: '/api/inbox',
		init: chat('{"clearedUpTo":"all"}'),
		status: 400,
		code: 'invalid_body'
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
