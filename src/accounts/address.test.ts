import { expect, test } from 'vitest';
import { visitorAddress } from './address.ts';

const forwarded = { 'x-forwarded-for': '192.0.2.1, 198.51.100.2,203.0.113.3' };

test('without a proxy it is who has connected, whatever the request says', () => {
	expect(visitorAddress(forwarded, '10.0.0.1', {})).toBe('10.0.0.1');
	expect(visitorAddress({}, undefined, {})).toBe('');
});

test('of X-Forwarded-For it is what the outermost of our own proxies has written', () => {
	const at = (depth: string | undefined) =>
		visitorAddress(forwarded, '10.0.0.1', { ADDRESS_HEADER: 'X-Forwarded-For', XFF_DEPTH: depth });
	expect(at(undefined)).toBe('203.0.113.3');
	expect(at('2')).toBe('198.51.100.2');
	expect(() => at('4')).toThrow('XFF_DEPTH is 4, but x-forwarded-for has 3 addresses');
	expect(() => at('0')).toThrow('XFF_DEPTH must be');
});

test('another header has the address alone, and must be there', () => {
	const env = { ADDRESS_HEADER: 'CF-Connecting-IP' };
	expect(visitorAddress({ 'cf-connecting-ip': '192.0.2.9' }, '10.0.0.1', env)).toBe('192.0.2.9');
	expect(() => visitorAddress({}, '10.0.0.1', env)).toThrow('no header cf-connecting-ip');
});
