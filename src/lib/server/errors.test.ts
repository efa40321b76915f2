import { expect, test } from 'vitest';
import { LoglineError } from '$lib/protocol';
import { errorResponse } from './errors.ts';

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
