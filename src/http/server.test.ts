import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { Agent, request, Server, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { listen, type HttpServer, type ServerParts } from './server.ts';

const cleanUp: (() => void)[] = [];
afterEach(() => {
	for (const end of cleanUp.splice(0).reverse()) end();
	vi.restoreAllMocks();
});

const error = vi.fn();

async function serve(parts: Partial<ServerParts> = {}): Promise<HttpServer & { port: number }> {
	error.mockReset();
	const http = await listen(
		{
			handler: (_request, response) => response.end('ok'),
			door: () => false,
			headers: new Map([['x-content-type-options', 'nosniff']]),
			logger: { error },
			closeMs: 60_000,
			...parts
		},
		{ host: '127.0.0.1', port: 0 }
	);
	cleanUp.push(() => {
		http.server.close();
		http.server.closeAllConnections();
	});
	return { ...http, port: (http.server.address() as AddressInfo).port };
}

function ask({ port }: { port: number }, path = '/'): Socket {
	const socket = connect(port, '127.0.0.1');
	cleanUp.push(() => socket.destroy());
	socket.write(`GET ${path} HTTP/1.1\r\nHost: here\r\n\r\n`);
	return socket;
}

async function answered(
	http: { port: number },
	path?: string
): Promise<{ socket: Socket; text: string }> {
	const socket = ask(http, path);
	const [chunk] = (await once(socket, 'data')) as [Buffer];
	return { socket, text: chunk.toString() };
}

test('a thousand responses that end together while it closes are one look at the connections', async () => {
	const waiting: (() => void)[] = [];
	const http = await serve({
		handler: (_request, response) => waiting.push(() => response.end('ok'))
	});
	const sockets = Array.from({ length: 100 }, () => ask(http));
	await vi.waitUntil(() => waiting.length === sockets.length);
	const looks = vi.spyOn(Server.prototype, 'closeIdleConnections');
	const closed = http.close();
	const before = looks.mock.calls.length;
	for (const end of waiting) end();
	await closed;
	// The turns in which their bytes went out, and not one for each.
	expect(looks.mock.calls.length - before).toBeLessThan(20);
});

test('a request that is under way is answered while the server closes, and nobody else is let in', async () => {
	const http = await serve({
		handler: (_request, response) => http.server.once('answer', () => response.end('late'))
	});
	const socket = ask(http);
	await once(http.server, 'request');
	const closed = http.close();
	const refused = ask(http);
	await once(refused, 'error');
	http.server.emit('answer');
	const [text] = (await once(socket, 'data')) as [Buffer];
	expect(text.toString()).toMatch(/late$/);
	await closed;
});

test('connections that are still busy when their time is over are cut', async () => {
	const http = await serve({ handler: () => undefined, closeMs: 50 });
	const socket = ask(http);
	socket.on('error', () => undefined);
	await once(http.server, 'request');
	const gone = once(socket, 'close');
	await http.close();
	await gone;
});

test('what the framework rejects is answered with 500 and told; the next request is served', async () => {
	const http = await serve({
		handler: (request, response) => {
			if (request.url === '/bad') throw new Error('not today');
			response.end('ok');
		}
	});
	expect((await answered(http, '/bad')).text).toMatch(/^HTTP\/1.1 500 /);
	expect(error).toHaveBeenCalledOnce();
	expect((await answered(http)).text).toMatch(/^HTTP\/1.1 200 [^]*x-content-type-options: nosniff/);
});

test('a door that throws does not end the process', async () => {
	const http = await serve({
		door: () => {
			throw new Error('not today');
		}
	});
	expect((await answered(http)).text).toMatch(/^HTTP\/1.1 500 /);
	expect(error).toHaveBeenCalledOnce();
	expect((await answered(http)).text).toMatch(/^HTTP\/1.1 500 /);
});

test('a client that sends hundreds of requests ahead is cut, and the others are served', async () => {
	const handled = vi.fn();
	const http = await serve({ handler: handled });
	const socket = connect(http.port, '127.0.0.1');
	socket.on('error', () => undefined);
	const gone = once(socket, 'close');
	socket.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n'.repeat(300));
	await gone;
	expect(handled).toHaveBeenCalledTimes(32);
	handled.mockImplementation((_request, response: ServerResponse) => response.end('ok'));
	// One after the other, a connection may have as many as it likes.
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	cleanUp.push(() => agent.destroy());
	for (let n = 0; n < 100; n++) {
		const asked = request({ agent, host: '127.0.0.1', port: http.port }).end();
		const [response] = (await once(asked, 'response')) as [IncomingMessage];
		response.resume();
		await once(response, 'end');
		expect(response.statusCode).toBe(200);
	}
});

test('what the framework does not know is 404', async () => {
	const http = await serve({ handler: (_request, _response, next) => next() });
	expect((await answered(http)).text).toMatch(/^HTTP\/1.1 404 /);
});

test('a Unix socket that a killed server left is replaced; one that is served, and a file, stay', async () => {
	const folder = await mkdtemp(join(tmpdir(), 'logline-socket-'));
	cleanUp.push(() => rmSync(folder, { recursive: true }));
	const parts = {
		handler: () => 0,
		door: () => false,
		headers: new Map<string, string>(),
		logger: { error },
		closeMs: 0
	};
	const path = join(folder, 'app.sock');
	const child = spawn(process.execPath, [
		'-e',
		`require('node:http').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
	]);
	await once(child, 'close');
	const { server } = await listen(parts, { path });
	cleanUp.push(() => server.close());
	await expect(listen(parts, { path })).rejects.toThrow('EADDRINUSE');
	const file = join(folder, 'precious');
	await writeFile(file, 'content');
	await expect(listen(parts, { path: file })).rejects.toThrow('EADDRINUSE');
	expect(await readFile(file, 'utf8')).toBe('content');
});

test('a connection is kept longer than nginx keeps it, so that the proxy is the one who closes it', async () => {
	expect((await answered(await serve())).text).toContain('Keep-Alive: timeout=75');
});

test('a connection that cannot be accepted is told, and ends no process', async () => {
	const http = await serve();
	http.server.emit('error', new Error('accept EMFILE'));
	expect(error).toHaveBeenCalledOnce();
	expect((await answered(http)).text).toMatch(/^HTTP\/1.1 200 /);
});

test('a port that is taken is told to who starts the server', async () => {
	const { port } = await serve();
	const again = listen(
		{ handler: () => 0, door: () => false, headers: new Map(), logger: { error }, closeMs: 0 },
		{ host: '127.0.0.1', port }
	);
	await expect(again).rejects.toThrow('EADDRINUSE');
});
