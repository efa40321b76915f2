import { form, PASSWORD } from '../account.ts';
import { chat, JSON_BODY, type Refusal } from './refusal.ts';

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

/** Requests that are refused without a sign-in. A user called "ada" has an account. */
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
	{
		name: 'a part of the log',
		path: '/api/between?topics=logs&after=1',
		status: 401,
		code: 'unauthorized'
	},
	{ name: 'a stream', path: '/api/events?topics=logs', status: 401, code: 'unauthorized' },
	{
		name: 'an inbox',
		path: '/api/inbox',
		init: chat('{"clearedUpTo":"1"}'),
		status: 401,
		code: 'unauthorized'
	},
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
