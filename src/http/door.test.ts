import { afterEach, expect, test, vi } from 'vitest';
import type { AddressInfo } from 'node:net';
import { LoglineError } from 'logline';
import type { App } from '$src/app/app.ts';
import { createDoor } from './door.ts';
import { listen, type HttpServer } from './server.ts';

let http: HttpServer | undefined;
afterEach(async () => {
	http?.server.closeAllConnections();
	await http?.close();
});

test('a form of a flood is refused before the framework hears of it, by its network and its device', async () => {
	const asked: unknown[] = [];
	const auth = {
		addressIsMissing: () => undefined,
		turnAway: (...what: unknown[]) => {
			asked.push(what);
			throw new LoglineError('too_many_attempts', 'Later.', 429, 7);
		}
	};
	const handler = vi.fn();
	http = await listen(
		{
			handler,
			door: createDoor(() => ({ auth }) as unknown as App, '<h1>%sveltekit.error.message%</h1>'),
			headers: new Map(),
			logger: { error: () => undefined },
			closeMs: 1000
		},
		{ host: '127.0.0.1', port: 0 }
	);
	const url = `http://127.0.0.1:${(http.server.address() as AddressInfo).port}`;
	const body = 'username=ada&password=guess';
	const cookie = 'a=b; device=0123456789012345678901';
	const refused = await fetch(`${url}/login?redirectTo=/x`, {
		method: 'POST',
		body,
		headers: { cookie }
	});
	expect(refused.status).toBe(429);
	expect(refused.headers.get('retry-after')).toBe('7');
	expect((await fetch(`${url}/signup`, { method: 'POST', body })).status).toBe(429);
	expect(asked).toEqual([
		['signIn', { network: '127.0.0.1', deviceToken: '0123456789012345678901' }],
		['signUp', { network: '127.0.0.1', deviceToken: null }]
	]);
	expect(handler).not.toHaveBeenCalled();
});

test('a connection that outlives the application is told that it shuts down, and the process lives on', async () => {
	const stopped = () => {
		throw new LoglineError('draining', 'The application does not run.', 503, 1);
	};
	http = await listen(
		{
			handler: (_request, response) => response.end('the framework'),
			door: createDoor(stopped, '<h1>%sveltekit.error.message%</h1>'),
			headers: new Map(),
			logger: { error: () => undefined },
			closeMs: 1000
		},
		{ host: '127.0.0.1', port: 0 }
	);
	const url = `http://127.0.0.1:${(http.server.address() as AddressInfo).port}`;
	const stream = await fetch(`${url}/api/events?topics=a`);
	expect(stream.status).toBe(503);
	expect(stream.headers.get('retry-after')).toBe('1');
	expect(await stream.json()).toMatchObject({ error: { code: 'draining' } });
	const form = await fetch(`${url}/login`, { method: 'POST', headers: { accept: 'text/html' } });
	expect(form.status).toBe(503);
	expect(await form.text()).toContain('The application does not run.');
	// Pages, and every other path that the door does not handle.
	for (const path of ['/', '/login', '/api/events/', '/api/eventsx', '//api/events']) {
		expect(await (await fetch(url + path)).text(), path).toBe('the framework');
	}
});
