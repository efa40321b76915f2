import { expect, test } from 'vitest';
import { requireMetricsReader } from './may-read.ts';

const TOKEN = '0123456789abcdef';

/** Who asks: address, headers, the token of the server; and whether it may read. */
test.each([
	['127.0.0.1', {}, null, true],
	['127.8.9.1', {}, TOKEN, true],
	['::1', {}, null, true],
	['::ffff:127.0.0.1', {}, null, true],
	['10.0.0.7', {}, null, false],
	['::ffff:10.0.0.7', {}, null, false],
	['127.0.0.1.example', {}, null, false],
	[undefined, {}, null, false],
	['127.0.0.1', { 'x-forwarded-for': '10.0.0.7' }, null, false],
	['127.0.0.1', { 'x-forwarded-for': '127.0.0.1' }, null, false],
	['127.0.0.1', { forwarded: 'for=10.0.0.7' }, null, false],
	['127.0.0.1', { 'x-real-ip': '10.0.0.7' }, null, false],
	['127.0.0.1', { via: '1.1 proxy' }, null, false],
	['127.0.0.1', { 'fly-client-ip': '10.0.0.7' }, null, false],
	['10.0.0.7', { authorization: `Bearer ${TOKEN}` }, TOKEN, true],
	['127.0.0.1', { authorization: `Bearer ${TOKEN}`, 'x-forwarded-for': '10.0.0.7' }, TOKEN, true],
	['10.0.0.7', { authorization: 'Bearer null' }, null, false],
	['10.0.0.7', { authorization: 'Bearer guess' }, TOKEN, false]
] as [string | undefined, Record<string, string>, string | null, boolean][])(
	'who asks from %s with %j, where the token is %j, may read the metrics: %j',
	(remoteAddress, headers, token, may) => {
		const ask = () =>
			requireMetricsReader(
				{ header: (name) => headers[name], remoteAddress },
				{ token, addressHeader: 'Fly-Client-IP' }
			);
		if (may) expect(ask).not.toThrow();
		else expect(ask).toThrow(expect.objectContaining({ code: 'unauthorized', status: 401 }));
	}
);
