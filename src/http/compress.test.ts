import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { compress, takesGzip } from './compress.ts';

const TEXT = '<p>Every event is a row.</p>'.repeat(1000);
const asking = (accepted: string | null = 'gzip, deflate, br', method = 'GET') =>
	new Request('http://localhost/', {
		method,
		headers: accepted === null ? {} : { 'accept-encoding': accepted }
	});
const html = (headers: Record<string, string> = {}) =>
	new Response(TEXT, {
		headers: { 'content-type': 'text/html; charset=utf-8', 'content-length': '28000', ...headers }
	});

describe('a page', () => {
	it('is compressed for a browser that takes gzip, and says all that a cache must know', async () => {
		const response = compress(asking(), html({ 'set-cookie': 'a=1', vary: 'cookie' }));
		const bytes = Buffer.from(await response.arrayBuffer());
		expect(bytes.byteLength).toBeLessThan(TEXT.length / 10);
		expect(gunzipSync(bytes).toString()).toBe(TEXT);
		expect(Object.fromEntries(response.headers)).toEqual({
			'content-type': 'text/html; charset=utf-8',
			'content-encoding': 'gzip',
			'set-cookie': 'a=1',
			vary: 'cookie, accept-encoding'
		});
	});

	it.each([
		['for a client that does not take gzip', asking(null), html()],
		['for a client that refuses it', asking('gzip;q=0, br'), html()],
		['when it is tiny', asking(), html({ 'content-length': '100' })],
		['when it is compressed already', asking(), html({ 'content-encoding': 'br' })],
		['when nobody may change it', asking(), html({ 'cache-control': 'no-transform' })],
		['when it is a picture', asking(), html({ 'content-type': 'image/png' })],
		['when only its head is asked for', asking('gzip', 'HEAD'), html()]
	])('is left as it is %s', async (_, request, response) => {
		expect(await compress(request, response).text()).toBe(TEXT);
	});

	it('a stream of events is the very same response', () => {
		const stream = html({ 'content-type': 'text/event-stream' });
		expect(compress(asking(), stream)).toBe(stream);
		expect(stream.headers.has('vary')).toBe(false);
	});
});

it.each([
	['gzip', true],
	['GZIP', true],
	['br;q=1.0, gzip;q=0.8', true],
	['deflate, gzip; q=0.001', true],
	['', false],
	['identity', false],
	['gzip;q=0', false],
	['gzipped', false]
])('"%s" takes gzip: %s', (accepted, takes) => {
	expect(takesGzip(accepted)).toBe(takes);
});
