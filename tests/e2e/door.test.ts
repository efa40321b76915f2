/** Responses of our own server without the framework, over real sockets. They must equal the framework's. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { createUser } from '../support/app-server.ts';
import { until } from '../support/until.ts';
import { form } from './account.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest({ browser: false });

/** Opens a socket that collects the received bytes. */
function dial(port: number) {
	const socket = connect(port, '127.0.0.1');
	let received = '';
	socket.setEncoding('latin1').on('data', (text: string) => (received += text));
	socket.on('error', () => undefined);
	return { socket, received: () => received };
}

test('a stream goes out without chunks, with the headers that protect it, and a page after it is served', async () => {
	const app = await stage.app();
	const { cookie } = await createUser(stage.databaseUrl);
	const { socket, received } = dial(app.port);
	socket.write(
		`GET /api/events?topics=notifications HTTP/1.1\r\nHost: here\r\nCookie: ${cookie}\r\n\r\n`
	);
	await until(() => received().includes('event: caught-up'), { what: 'the stream is live' });
	const [head] = received().toLowerCase().split('\r\n\r\n', 1);
	expect(head).toMatch(/^http\/1.1 200 /);
	expect(head).toContain('content-type: text/event-stream');
	expect(head).toContain('cache-control: no-cache, no-transform');
	expect(head).toContain('x-content-type-options: nosniff');
	expect(head).toContain('connection: close');
	expect(head).not.toContain('transfer-encoding');
	socket.destroy();
	const page = await fetch(app.url);
	expect(page.status).toBe(200);
	expect(page.headers.get('x-content-type-options')).toBe('nosniff');
});

test('streams that are refused, one behind the other on a connection, are each told why in JSON', async () => {
	const app = await stage.app();
	const { cookie } = await createUser(stage.databaseUrl);
	const { socket, received } = dial(app.port);
	const ask = (query: string, headers = '') =>
		`GET /api/events?${query} HTTP/1.1\r\nHost: here\r\n${headers}\r\n`;
	socket.write(ask('topics=notifications') + ask('', `Cookie: ${cookie}\r\n`));
	await until(() => received().split('HTTP/1.1 ').length > 2, { what: 'both are answered' });
	socket.destroy();
	const [first, second] = received().split('HTTP/1.1 ').slice(1);
	expect(first).toMatch(/^401 [^]*content-type: application\/json[^]*"code":"unauthorized"/i);
	expect(second).toMatch(/^400 [^]*"code":"invalid_topics"/);
});

test('a sign-in that is refused from memory is a page for people and JSON for programs, with its time', async () => {
	const app = await stage.start({ env: { LOGIN_ATTEMPTS_PER_MINUTE: '1' } });
	const guess = (headers: Record<string, string>) => {
		const { method, body, headers: own } = form({ username: 'ada', password: 'not hers' });
		return fetch(`${app.url}/login`, { method, body, headers: { ...own, ...headers } });
	};
	await guess({});
	// Counts up to the limit, and once more: the form then responds with 429, and the refusal is remembered.
	expect((await guess({ accept: 'text/html' })).status).toBe(429);
	const page = await guess({ accept: 'text/html' });
	expect(page.status).toBe(429);
	expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(0);
	expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
	expect(await page.text()).toContain('Too many attempts to sign in.');
	const json = await guess({ accept: 'application/json' });
	expect(json.status).toBe(429);
	expect(await json.json()).toMatchObject({ error: { code: 'too_many_attempts' } });
});

/**
 * Returns the server's sockets by the port of the client: those that are connected (state 01), and those that the server closed
 * while the kernel still keeps their bytes (04).
 */
async function connected(serverPort: number): Promise<number[]> {
	const [, ...lines] = (await readFile('/proc/net/tcp', 'utf8')).trim().split('\n');
	const portOf = (address = '') => parseInt(address.split(':')[1] ?? '', 16);
	return lines
		.map((line) => line.trim().split(/\s+/))
		.filter(
			([, local, , state]) => (state === '01' || state === '04') && portOf(local) === serverPort
		)
		.map(([, , remote]) => portOf(remote));
}

test.each(['/api/events', '/api/%65vents', '/./api/events'])(
	'a client that comes back and reads nothing holds one socket, however it spells %s',
	async (path) => {
		const app = await stage.start({ env: { SSE_MAX_CONNECTIONS_PER_USER: '1' } });
		const { cookie } = await createUser(stage.databaseUrl);
		await stage.sql`insert into events (topic, data) select 'message',
			jsonb_build_object('id', i::text, 'sender', 'x', 'text', repeat('x', 10000)) from generate_series(1, 3000) i`;
		const mine: Socket[] = [];
		for (let n = 0; n < 4; n++) {
			const { socket } = dial(app.port);
			mine.push(socket);
			socket.write(
				`GET ${path}?topics=message&client=same HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`
			);
			await once(socket, 'data');
			socket.pause();
		}
		const ports = new Set(mine.map(({ localPort }) => localPort));
		const left = async () => (await connected(app.port)).filter((port) => ports.has(port)).length;
		await until(async () => (await left()) <= 1, {
			what: 'the sockets of before are closed',
			timeoutMs: 15_000
		});
		for (const socket of mine) socket.destroy();
	}
);

test.each([
	['a stream', 'GET /api/events?topics=logs HTTP/1.1\r\nHost: x\r\n\r\n'],
	['a form', 'POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'],
	['the history', 'GET /api/history?topic=logs HTTP/1.1\r\nHost: x\r\n\r\n']
])(
	'%s that is asked for after the application has stopped harms nobody',
	async (_what, request) => {
		const app = await stage.start({ env: { SHUTDOWN_GRACE_MS: '8000' } });
		const { socket, received } = dial(app.port);
		// The request has begun, so the connection is not closed as unused.
		socket.write(`GET /api/health/live HTTP/1.1\r\nHost: x\r\n\r\n${request.slice(0, 10)}`);
		await until(() => received().includes('HTTP/1.1 200 '), {
			what: 'what stands before it is answered'
		});
		const before = received().length;
		const ended = app.terminate();
		await until(() => app.output().includes('"msg":"stopped"'), {
			what: 'the application has stopped'
		});
		socket.write(request.slice(10));
		await until(() => received().includes('HTTP/1.1 503 ', before), { what: 'it is told so' });
		expect((await ended).code).toBe(0);
	}
);

test('a connection on which nobody has asked for anything does not hold up the end', async () => {
	const app = await stage.start({ env: { SHUTDOWN_GRACE_MS: '8000' } });
	const { socket } = dial(app.port);
	await until(async () => (await connected(app.port)).length > 0, { what: 'it is accepted' });
	const gone = once(socket, 'close');
	expect((await app.terminate()).ms).toBeLessThan(2500);
	await gone;
});

test('a request that was sent before the end begins is answered, though nobody has accepted its connection', async () => {
	const app = await stage.app();
	// A process that stands still accepts nothing; the kernel does.
	process.kill(app.pid, 'SIGSTOP');
	const dialled = dial(app.port);
	dialled.socket.write('GET /api/health/live HTTP/1.1\r\nHost: x\r\n\r\n');
	await until(async () => (await connected(app.port)).length > 0, { what: 'it is connected' });
	const ended = app.terminate();
	process.kill(app.pid, 'SIGCONT');
	expect((await ended).code).toBe(0);
	expect(dialled.received()).toMatch(/^HTTP\/1.1 200 /);
});

test('a range of bytes that ends before it begins is none: the whole file is sent', async () => {
	const app = await stage.app();
	for (const range of ['bytes=5-1', 'bytes=a-b', 'bytes=0-1,3-4', 'lines=1-2']) {
		const file = await fetch(`${app.url}/favicon.svg`, { headers: { range } });
		expect(file.status, range).toBe(200);
		expect(await file.text(), range).toContain('</svg>');
	}
	const part = await fetch(`${app.url}/favicon.svg`, { headers: { range: 'bytes=0-3' } });
	expect(part.status).toBe(206);
	expect(await part.text()).toHaveLength(4);
});
