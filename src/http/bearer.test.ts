import { expect, test } from 'vitest';
import { carriesToken } from './bearer.ts';

const TOKEN = '0123456789abcdef';

test.each([
	[`Bearer ${TOKEN}`, true],
	[`bearer  ${TOKEN} `, true],
	[`Bearer ${TOKEN}0`, false],
	['Bearer 0123456789abcde', false],
	[`Basic ${TOKEN}`, false],
	[TOKEN, false],
	['Bearer', false],
	['', false],
	[null, false],
	[undefined, false]
])('%j carries the token: %j', (header, carries) => {
	expect(carriesToken(header, TOKEN)).toBe(carries);
});
