import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setResponse } from '@sveltejs/kit/node';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { noteResponses, writeToSocket } from '../../src/lib/server/sse/node-outlet.ts';
import { produceSSE, type SSEConnection } from '../../src/lib/server/sse/produce-sse.ts';

let server: Server;
let connection: SSEConnection | undefined;

beforeAll(noteResponses);

/** Answers as the framework does. */
beforeEach(async () => {
	connection = undefined;
	server = createServer((request, out) => {
		const response = produceSSE((_emit, own) => void (connection = own), { keepAliveMs: 0 });
		writeToSocket(response, request);
		void setResponse(out, response);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(() => {
	server.closeAllConnections();
	server.close();
});

/** A client that shows what it receives, head and all. */
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
	let pauses = 0;
	while (written < count) {
		// More than the socket and the system take, then less: over the usual way and back again.
		if (written % 8000 === 0) {
			socket.pause();
			pauses++;
		}
		const burst = written % 8000 === 0 ? 7990 : 1;
		for (let i = 0; i < burst; i++) connection!.write(line(written++));
		if (burst > 1) expect(connection!.backlog).toBeGreaterThan(0);
		socket.resume();
		await connection!.drained();
		await new Promise(setImmediate);
	}
	await vi.waitUntil(() => numbers(received().slice(-1100)).includes(count - 1), 10_000);
	expect(pauses).toBe(5);
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

test('a client that knows no HTTP/1.1 is served the usual way', async () => {
	const { socket, received } = await open('1.0');
	const closed = new Promise((resolve) => socket.once('close', resolve));
	connection!.write(Buffer.from('data: one\n\n'));
	connection!.end();
	await closed;
	expect(received()).toMatch(/retry: 3000\n\ndata: one\n\n$/);
});

test('a client that asks for the head alone gets nothing else', async () => {
	const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
	let received = '';
	socket.setEncoding('latin1').on('data', (text: string) => (received += text));
	const closed = new Promise((resolve) => socket.once('close', resolve));
	socket.write('HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
	await vi.waitUntil(() => connection);
	connection!.write(Buffer.from('data: one\n\n'));
	connection!.end();
	await closed;
	expect(received).toMatch(/^HTTP\/1.1 200 [^]*\r\n\r\n$/);
	expect(received).not.toContain('data: one');
});
