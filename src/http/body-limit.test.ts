import { expect, test } from 'vitest';
import { bodyLimit } from './body-limit.ts';

test.each([
	[undefined, 524_288],
	['', 524_288],
	['2048', 2048],
	['512K', 524_288],
	['1M', 1_048_576],
	['Infinity', Infinity]
])('BODY_SIZE_LIMIT=%s is %d bytes', (setting, bytes) => {
	expect(bodyLimit(setting)).toBe(bytes);
});
