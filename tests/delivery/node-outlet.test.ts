import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { sendStream } from '../../src/lib/server/sse/node-outlet.ts';
import type { SSEBody } from '../../src/lib/server/sse/body.ts';
import { produceSSE } from '../../src/lib/server/sse/produce-sse.ts';

let server: Server;
let connection: SSEBody | undefined;

beforeEach(async () => {
	connection = undefined;
	server = createServer((_request, out) => {
		const response = produceSSE((_emit, own) => void (connection = own), { keepAliveMs: 0 });
		void sendStream(response, out);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(() => {
	server.closeAllConnections();
	server.close();
});

/** Opens a client that shows everything it receives, including the headers. */
async function open(version: '1.0' | '1.1'): Promise<{ socket: Socket; received(): string }> {
	const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
	let received = '';
	socket.setEncoding('latin1').on('data', (text: string) => (received += text));
	socket.write(`GET / HTTP/${version}\r\nHost: localhost\r\n\r\n`);
	await vi.waitUntil(() => received.includes('retry: 3000\n\n'));
	return { socket, received: () => received };
}

const line = (n: number) => Buffer.from(`data: ${n} ${'x'.repeat(1000)}\n\n`);
const numbers = (text: string) =>
	[...text.matchAll(/data: (\d+) x{1000}\n\n/g)].map(([, n]) => Number(n));

test('the body goes out as it is, and ends with its connection', async () => {
	const { socket, received } = await open('1.1');
	const closed = new Promise((resolve) => socket.once('close', resolve));
	connection!.write(Buffer.from('data: one\n\n'));
	connection!.write(Buffer.from('data: two\n\n'));
	connection!.end();
	await closed;
	const [head, body] = received().split('\r\n\r\n', 2);
	expect(head!.toLowerCase()).toContain('connection: close');
	expect(head!.toLowerCase()).not.toContain('transfer-encoding');
	expect(body).toBe('retry: 3000\n\ndata: one\n\ndata: two\n\n');
});

test('everything arrives once and in order, however often the client stops reading', async () => {
	const { socket, received } = await open('1.1');
	const count = 40_000;
	let written = 0;
	let backlogs = 0;
	while (written < count) {
		// First more than the socket and the system's buffers take, then single lines: so the bytes change to the slow path
		// and back. (At first the system has smaller buffers.)
		if (written % 8000 === 0) socket.pause();
		const burst = written % 8000 === 0 ? 7990 : 1;
		for (let i = 0; i < burst; i++) connection!.write(line(written++));
		if (burst > 1 && connection!.backlog > 0) backlogs++;
		socket.resume();
		await connection!.drained();
		await new Promise(setImmediate);
	}
	await vi.waitUntil(() => numbers(received().slice(-1100)).includes(count - 1), 30_000);
	expect(backlogs).toBeGreaterThan(0);
	expect(numbers(received())).toEqual(Array.from({ length: count }, (_, n) => n));
});

test('a client that goes away ends the connection', async () => {
	const { socket } = await open('1.1');
	const ended = vi.fn();
	connection!.onEnd(ended);
	socket.destroy();
	await vi.waitUntil(() => ended.mock.calls.length > 0);
	connection!.write(line(1));
	expect(ended).toHaveBeenCalledOnce();
});

test.each(['1.0', '1.1'] as const)(
	'a client of HTTP/%s that takes nothing is disconnected once the producer has run far ahead of it',
	async (version) => {
		const { socket } = await open(version);
		socket.pause();
		const gone = vi.fn();
		connection!.onGone(gone);
		// More than all buffers on the way take. The stream ends at four times its own buffer.
		for (let n = 0; n < 20_000; n++) connection!.write(line(n));
		expect(connection!.backlog).toBeGreaterThan(0);
		connection!.end();
		expect(gone).not.toHaveBeenCalled();
		const sockets = () =>
			new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));
		await vi.waitUntil(async () => (await sockets()) === 0, { timeout: 8000, interval: 50 });
		// The server counts a socket out a moment before that says so.
		await vi.waitFor(() => expect(gone).toHaveBeenCalledOnce());
		socket.destroy();
	}
);

test('a client that knows no HTTP/1.1 is served, too', async () => {
	const { socket, received } = await open('1.0');
	const closed = new Promise((resolve) => socket.once('close', resolve));
	connection!.write(Buffer.from('data: one\n\n'));
	connection!.end();
	await closed;
	expect(received()).toMatch(/retry: 3000\n\ndata: one\n\n$/);
});
