import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { signUp } from './account.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest({ browser: false });

/**
 * One connection: each request of a test waits for the one before, and fails when that one leaves the connection unusable.
 */
let connection: Agent;
beforeEach(() => {
	connection = new Agent({ keepAlive: true, maxSockets: 1 });
});
afterEach(() => connection.destroy());

/** Sends a body in chunks without a length, like a program that creates the body while sending. */
async function sendChunked(
	url: string,
	body: { type: string; start: string; bytes: number },
	headers: Record<string, string> = {}
): Promise<{ status: number; type: string; text: string }> {
	const sent = request(url, {
		method: 'POST',
		agent: connection,
		headers: { 'content-type': body.type, accept: 'text/html', ...headers }
	});
	const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
	sent.write(body.start);
	const piece = 'x'.repeat(16_384);
	for (let left = body.bytes; left > 0; left -= piece.length) {
		if (!sent.write(piece)) await Promise.race([once(sent, 'drain'), answered]);
	}
	sent.end();
	const [response] = await answered;
	response.setEncoding('utf8');
	let text = '';
	for await (const chunk of response) text += String(chunk);
	return { status: response.statusCode!, type: response.headers['content-type'] ?? '', text };
}

const JSON_BODY = { type: 'application/json', start: '{"action":"reset","x":"' };
const FORM = { type: 'application/x-www-form-urlencoded', start: 'username=ada&password=' };
const UPLOAD = {
	type: 'multipart/form-data; boundary=b',
	start: '--b\r\ncontent-disposition: form-data; name="username"\r\n\r\n'
};

it('a body that is too large is answered with 413 and the limit, and the connection is not cut', async () => {
	const app = await stage.app();
	const cookie = await signUp(app, 'ada');
	for (const bytes of [600_000, 5_000_000]) {
		const chat = await sendChunked(`${app.url}/api/chat`, { ...JSON_BODY, bytes }, { cookie });
		expect(chat).toMatchObject({ status: 413, type: 'application/json' });
		expect(JSON.parse(chat.text)).toEqual({
			error: { code: 'body_too_large', message: 'The body must be at most 4096 bytes.' }
		});
		for (const [path, body] of [
			['/login', FORM],
			['/signup', FORM],
			['/signup', UPLOAD]
		] as const) {
			const page = await sendChunked(app.url + path, { ...body, bytes });
			expect(page.status, `${path}: ${page.text.slice(0, 200)}`).toBe(413);
			expect(page.text, path).toContain('at most 524288 bytes');
		}
		// A body that nobody reads does no harm.
		const refuse = async (path: string, headers: Record<string, string> = {}) =>
			(await sendChunked(app.url + path, { ...FORM, bytes }, headers)).status;
		expect(await refuse('/logout')).toBe(303);
		expect(await refuse('/nowhere')).toBe(404);
		expect(await refuse('/api/chat')).toBe(401);
		expect(await refuse('/login', { origin: 'https://evil.example' })).toBe(403);
	}
});

it('a body that says at once that it is too large gets the same answer', async () => {
	const app = await stage.app();
	const cookie = await signUp(app, 'ada');
	const send = (path: string, type: string, bytes: number) =>
		fetch(app.url + path, {
			method: 'POST',
			body: 'x'.repeat(bytes),
			headers: { 'content-type': type, accept: 'text/html', cookie }
		});
	const chat = await send('/api/chat', JSON_BODY.type, 600_000);
	expect(chat.status).toBe(413);
	expect(await chat.json()).toMatchObject({ error: { code: 'body_too_large' } });
	const page = await send('/signup', FORM.type, 600_000);
	expect(page.status).toBe(413);
	expect(await page.text()).toContain('at most 524288 bytes');
});

it('the limit is the one that the operator chose, and the error says so', async () => {
	const app = await stage.start({ env: { BODY_SIZE_LIMIT: '2K' } });
	const cookie = await signUp(app, 'ada');
	const form = await sendChunked(`${app.url}/login`, { ...FORM, bytes: 20_000 });
	expect(form.status).toBe(413);
	expect(form.text).toContain('at most 2048 bytes');
	const chat = await sendChunked(`${app.url}/api/chat`, { ...JSON_BODY, bytes: 3000 }, { cookie });
	expect(chat.status).toBe(413);
	expect(JSON.parse(chat.text)).toMatchObject({
		error: { code: 'body_too_large', message: 'The body must be at most 2048 bytes.' }
	});
});
