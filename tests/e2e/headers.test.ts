import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { BuiltApp } from '../support/built-app.ts';
import { form, PASSWORD, signUp } from './account.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest({ browser: false });

const ALWAYS = {
	'x-content-type-options': 'nosniff',
	'referrer-policy': 'same-origin',
	'permissions-policy': expect.stringContaining('camera=()') as string,
	'x-frame-options': 'DENY',
	'content-security-policy': expect.stringContaining("frame-ancestors 'none'") as string
};
const PRIVATE = { ...ALWAYS, 'cache-control': 'private, no-store' };

/** Every kind of request, with its expected status and headers. */
const ROUTES: {
	name: string;
	path: string;
	status: number;
	init?: RequestInit;
	signedOut?: true;
	headers: Record<string, unknown>;
}[] = [
	{ name: 'the page', path: '/', status: 200, headers: PRIVATE },
	{ name: 'its data', path: '/__data.json', status: 200, headers: PRIVATE },
	{ name: 'the page for everybody', path: '/', status: 200, signedOut: true, headers: PRIVATE },
	{ name: 'a redirect', path: '/examples/board', status: 303, signedOut: true, headers: PRIVATE },
	{ name: 'a form', path: '/login', status: 200, signedOut: true, headers: PRIVATE },
	{
		name: 'a form that was refused',
		path: '/login',
		init: form({ username: 'ada', password: 'wrong horse battery' }),
		status: 400,
		headers: PRIVATE
	},
	{
		name: 'a form that was accepted',
		path: '/login',
		init: form({ username: 'ada', password: PASSWORD }),
		status: 303,
		signedOut: true,
		headers: PRIVATE
	},
	{ name: 'no page', path: '/nowhere', status: 404, headers: PRIVATE },
	{ name: 'no method', path: '/logout', status: 405, headers: PRIVATE },
	{ name: 'JSON', path: '/api/history?topic=logs', status: 200, headers: PRIVATE },
	{
		name: 'a refusal in JSON',
		path: '/api/history?topic=logs',
		status: 401,
		signedOut: true,
		headers: PRIVATE
	},
	{ name: 'health', path: '/api/health', status: 200, headers: PRIVATE },
	{
		name: "another site's request",
		path: '/api/chat',
		init: { method: 'POST', headers: { origin: 'https://evil.example' } },
		status: 403,
		headers: PRIVATE
	},
	{
		name: 'the page for when there is no other',
		path: '/login',
		init: { method: 'POST', headers: { origin: 'https://evil.example', accept: 'text/html' } },
		status: 403,
		headers: {
			...ALWAYS,
			'cache-control': 'private, no-store',
			'content-security-policy': expect.stringContaining("style-src 'self'; img-src 'self'")
		}
	},
	{
		name: 'a stream',
		path: '/api/events?topics=logs',
		status: 200,
		headers: { ...ALWAYS, 'cache-control': 'no-cache, no-transform' }
	},
	{ name: 'a file', path: '/favicon.svg', status: 200, headers: ALWAYS },
	{ name: 'an address that is none', path: '/%E0%A4%A', status: 400, headers: ALWAYS }
];

/** Sends a request without following redirects, and drops the body. */
async function ask(app: BuiltApp, path: string, init: RequestInit = {}) {
	const end = new AbortController();
	const response = await fetch(app.url + path, { redirect: 'manual', signal: end.signal, ...init });
	end.abort();
	return { status: response.status, headers: Object.fromEntries(response.headers) };
}

it('every response says how a browser has to treat it', async () => {
	const app = await stage.app();
	const cookie = await signUp(app, 'ada');
	for (const { name, path, init, status, signedOut, headers } of ROUTES) {
		const sent = new Headers(init?.headers);
		if (!signedOut) sent.set('cookie', cookie);
		const answer = await ask(app, path, { ...init, headers: sent });
		expect(answer, name).toMatchObject({ status, headers });
		expect(answer.headers, name).not.toHaveProperty('strict-transport-security');
	}
	const script = /"([^"]+\/start\.[^"]+\.js)"/.exec(
		await (await fetch(`${app.url}/login`)).text()
	)![1]!;
	expect(await ask(app, new URL(script, `${app.url}/login`).pathname)).toMatchObject({
		status: 200,
		headers: { ...ALWAYS, 'cache-control': 'public,max-age=31536000,immutable' }
	});
});

describe('the policy of a page', () => {
	it('lets no script run but ours', async () => {
		const app = await stage.app();
		const { headers } = await ask(app, '/login');
		const policy = new Map(
			headers['content-security-policy']!.split('; ').map((directive) => {
				const [name, ...sources] = directive.split(' ');
				return [name, sources] as const;
			})
		);
		expect(policy.get('script-src')).toEqual(["'self'", expect.stringMatching(/^'nonce-.{20,}'$/)]);
		for (const name of ['default-src', 'object-src', 'base-uri', 'frame-ancestors']) {
			expect(policy.get(name), name).toEqual(["'none'"]);
		}
		expect(policy.get('form-action')).toEqual(["'self'"]);
		expect(headers['content-security-policy']).not.toMatch(/unsafe-(inline|eval)/);
		const again = await ask(app, '/login');
		expect(again.headers['content-security-policy'], 'a nonce is for one response').not.toBe(
			headers['content-security-policy']
		);
	});
});

it('on https, browsers are told to stay there', async () => {
	const app = await stage.start({ env: { ORIGIN: 'https://live.example.com' } });
	const at = { ...app, url: `http://127.0.0.1:${app.port}` };
	for (const path of ['/login', '/api/health', '/favicon.svg', '/nowhere']) {
		expect(await ask(at, path), path).toMatchObject({
			headers: { 'strict-transport-security': 'max-age=31536000' }
		});
	}
});

it('what is no HTTP is refused without a word about us', async () => {
	const app = await stage.app();
	const socket = connect(app.port, '127.0.0.1');
	socket.end('nonsense\r\n\r\n');
	let answer = '';
	for await (const chunk of socket) answer += String(chunk);
	expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
});

it('a sign-out empties what the browser has kept of the site, and keeps its device known', async () => {
	const app = await stage.app();
	const cookie = await signUp(app, 'ada');
	const response = await fetch(`${app.url}/logout`, {
		method: 'POST',
		headers: { cookie },
		redirect: 'manual'
	});
	expect(response.headers.get('clear-site-data')).toBe('"cache"');
	expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^auth_session=;/)]);
});
