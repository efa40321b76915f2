import { describe, expect, it } from 'vitest';
import { parseRedirect } from './redirect.ts';

describe('after signing in, a person goes on to the page they came for', () => {
	it.each([
		'/',
		'/log',
		'/account',
		'/log?topic=message&before=12',
		'/log#latest',
		'/a/b//c',
		'/?redirectTo=https://example.com',
		'/log?next=//example.com',
		'/loginx',
		'/login/help',
		'/accounts/login',
		'/user@example.com',
		'/:80/x',
		'/100%25'
	])('%j stays as it is', (path) => {
		expect(parseRedirect(path)).toBe(path);
	});

	it.each([
		['/日本?q=ü', '/%E6%97%A5%E6%9C%AC?q=%C3%BC'],
		['/a b', '/a%20b'],
		['/a/../b', '/b'],
		['/./log', '/log'],
		['/../../log', '/log'],
		['/"><script>', '/%22%3E%3Cscript%3E']
	])('%j becomes what a Location header can carry', (path, expected) => {
		expect(parseRedirect(path)).toBe(expected);
	});
});

describe('a link can send nobody to another site', () => {
	it.each([
		['nothing', ''],
		['a missing value', null],
		['an undefined value', undefined],
		['an absolute address', 'https://evil.example/'],
		['an address without slashes', 'https:evil.example'],
		['our origin spelled out', 'http://logline.invalid/log'],
		['another scheme', 'javascript:alert(1)'],
		['data', 'data:text/html,x'],
		['a host without scheme', '//evil.example'],
		['three slashes', '///evil.example'],
		['a backslash for the second slash', '/\\evil.example'],
		['two backslashes', '\\\\evil.example'],
		['a backslash later', '/x\\..\\..\\evil.example'],
		['a path without its slash', 'log'],
		['a dot', '.'],
		['a query alone', '?x=1'],
		['a fragment alone', '#x'],
		['a space in front', ' /log'],
		['a space before a host', ' //evil.example'],
		['a tab between the slashes', '/\t/evil.example'],
		['a line break between the slashes', '/\n/evil.example'],
		['a carriage return', '/\r/evil.example'],
		['a header smuggled in', '/log\r\nset-cookie: a=b'],
		['a NUL', '/\0/evil.example'],
		['a control character in front', '\u0001//evil.example'],
		['a delete character', '/\u007f/evil.example'],
		['dot segments that leave two slashes', '/x/..//evil.example'],
		['a single dot that leaves two slashes', '/.//evil.example'],
		['encoded dot segments that leave two slashes', '/x/%2e%2e//evil.example'],
		['an encoded single dot', '/%2E//evil.example'],
		['an encoded second slash', '/%2f/evil.example'],
		['an encoded second slash alone', '/%2Fevil.example'],
		['an encoded backslash', '/%5cevil.example'],
		['a broken escape', '/%zz'],
		['an escape that is no UTF-8', '/%ff'],
		['text without end', `/${'a'.repeat(2000)}`]
	])('%s is refused', (_name, text) => {
		expect(parseRedirect(text)).toBeNull();
	});
});

describe('nobody is sent back to the form', () => {
	it.each([
		'/login',
		'/signup',
		'/logout',
		'/login/',
		'/login//',
		'/login?redirectTo=/login',
		'/signup#x',
		'/x/../login',
		'/./login',
		'/%6cogin',
		'/log%69n?redirectTo=%2Flog'
	])('%j is refused', (path) => {
		expect(parseRedirect(path)).toBeNull();
	});
});

describe('whatever it answers, a browser stays on our origin', () => {
	const parts = [
		'/',
		'\\',
		'.',
		'..',
		'%2e',
		'%2f',
		'%5c',
		'//',
		'@',
		':',
		'?',
		'#',
		'evil.example'
	];

	it('holds for every combination of the parts such links are made of', () => {
		let accepted = 0;
		for (const a of parts)
			for (const b of parts)
				for (const c of parts)
					for (const d of parts) {
						const answer = parseRedirect(`/${a}${b}${c}${d}`);
						if (answer === null) continue;
						accepted++;
						const target = new URL(answer, 'https://logline.example/login');
						expect(target.origin).toBe('https://logline.example');
						// Resolve the path a second time, as a proxy or a script may do.
						expect(new URL(target.pathname, target).origin).toBe('https://logline.example');
					}
		expect(accepted).toBeGreaterThan(100);
	});
});
