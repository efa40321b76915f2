import { expect, test } from 'vitest';
import { isNoAction } from './form-action.ts';

const asks = (query: string, method = 'POST') => {
	const url = new URL(`http://localhost/login${query}`);
	return isNoAction(new Request(url, { method }), url);
};

test.each([
	'?/constructor',
	'?/__proto__',
	'?/hasOwnProperty',
	'?/default',
	'?redirectTo=/&/toString',
	'?/%63onstructor',
	'?/constructor=1'
])('%s names no action', (query) => {
	expect(asks(query)).toBe(true);
});

test.each(['', '?/signIn', '?constructor', '?a=/constructor', '?/signIn&/constructor', '?/'])(
	'%s is left to the page',
	(query) => {
		expect(asks(query)).toBe(false);
	}
);

test('a GET asks for no action', () => {
	expect(asks('?/constructor', 'GET')).toBe(false);
});
