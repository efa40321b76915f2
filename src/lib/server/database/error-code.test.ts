import { describe, expect, test } from 'vitest';
import { codedError, codeOf, isSessionLost } from './error-code.ts';

const coded = (code: unknown, more: object = {}) =>
	Object.assign(new Error('of the driver'), { code, ...more });

describe('the code of an error', () => {
	test('is found below the errors that clients wrap around it, and the nearest one counts', () => {
		const driver = coded('40001', { constraint_name: 'c' });
		const wrapped = new Error('Failed query', { cause: new Error('again', { cause: driver }) });
		expect(codeOf(wrapped)).toBe('40001');
		expect(codedError(wrapped)).toBe(driver);
		expect(codeOf(coded('fenced', { cause: driver }))).toBe('fenced');
	});

	test('is none, whatever was thrown', () => {
		for (const thrown of [null, undefined, 'text', 7, {}, new Error('no'), coded(7)]) {
			expect(codeOf(thrown)).toBeNull();
		}
	});

	test('is looked for in causes that are a circle, and the search ends', () => {
		const circle: { cause?: unknown } = new Error('a');
		circle.cause = new Error('b', { cause: circle });
		expect(codeOf(circle)).toBeNull();
	});
});

test('a session is lost when the network, the driver or Postgres has ended it, and by nothing else', () => {
	for (const code of [
		...['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNRESET', 'ECONNREFUSED', 'EPIPE'],
		...['CONNECTION_CLOSED', 'CONNECTION_DESTROYED', 'CONNECT_TIMEOUT', '08006'],
		...['57P01', '57P05', '25P03', '25P04']
	]) {
		expect(isSessionLost(code), code).toBe(true);
	}
	for (const code of [null, '', '23505', '40001', '25P02', '25006', '57014', 'fenced']) {
		expect(isSessionLost(code), String(code)).toBe(false);
	}
});
