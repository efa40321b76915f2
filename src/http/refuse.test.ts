import { expect, test } from 'vitest';
import { LoglineError } from 'logline';
import { errorResponse, failureOf } from 'logline/server';
import { refuse, toResponse } from './refuse.ts';

test('an error that a caller can do something about is JSON with code, message and status', async () => {
	const response = errorResponse(new LoglineError('not_waiting', 'Wait.', 409));
	expect(response.status).toBe(409);
	expect(response.headers.get('content-type')).toContain('application/json');
	expect(response.headers.get('retry-after')).toBeNull();
	expect(await response.json()).toEqual({ error: { code: 'not_waiting', message: 'Wait.' } });
});

test('an error that passes says in how many whole seconds', () => {
	const response = errorResponse(new LoglineError('draining', 'Later.', 503, 1.2));
	expect(response.headers.get('retry-after')).toBe('2');
});

test('a database that is away is not a fault of the request', async () => {
	const response = errorResponse(Object.assign(new Error('secret host'), { code: 'ECONNREFUSED' }));
	expect(response.status).toBe(503);
	expect(response.headers.get('retry-after')).toBe('1');
	const text = await response.text();
	expect(text).toContain('database_unavailable');
	expect(text).not.toContain('secret');
});

test('a fault of ours is not dressed up as an answer', () => {
	const fault = new TypeError('x is not a function');
	expect(() => errorResponse(fault)).toThrow(fault);
});

test('the error that drizzle makes of the driver’s is known by its cause', () => {
	const readOnly = Object.assign(new Error('read-only'), { code: '25006' });
	expect(failureOf(new Error('Failed query', { cause: readOnly }))?.status).toBe(503);
	const unique = Object.assign(new Error('unique'), { code: '23505' });
	expect(failureOf(new Error('Failed query', { cause: unique }))).toBeNull();
	// An error with its own code is judged by that code, not by its cause.
	expect(failureOf(Object.assign(new Error('x', { cause: readOnly }), { code: 'X' }))).toBeNull();
});

test('people get a page that tries again, or that says how to send the form again', async () => {
	const page = '<h1>%sveltekit.error.message%</h1><!--hint-->';
	const failure = new LoglineError('database_unavailable', '<Later>', 503, 1);
	const asked = (
		{ method = 'GET', headers }: { method?: string; headers?: Record<string, string> } = {},
		pathname = '/login'
	) => {
		const sent = new Headers({ accept: 'text/html', ...headers });
		const header = (name: string) => sent.get(name);
		return toResponse(refuse({ method, pathname, header, isDataRequest: false }, failure, page));
	};
	const opened = asked();
	expect(opened.status).toBe(503);
	expect(opened.headers.get('retry-after')).toBe('1');
	expect(Number(opened.headers.get('refresh'))).toBeGreaterThanOrEqual(5);
	expect(await opened.text()).toBe(
		'<h1>&#60;Later&#62;</h1><p>This page tries again by itself.</p>'
	);

	const sent = asked({ method: 'POST' });
	expect(sent.headers.get('refresh')).toBeNull();
	expect(await sent.text()).toContain('send it again');

	for (const program of [asked({ headers: { accept: '*/*' } }), asked({}, '/api/history')]) {
		expect(await program.json()).toEqual({
			error: { code: 'database_unavailable', message: '<Later>' }
		});
	}
	const enhanced = asked({ method: 'POST', headers: { 'x-sveltekit-action': 'true' } });
	expect(await enhanced.json()).toMatchObject({ type: 'error' });
});
