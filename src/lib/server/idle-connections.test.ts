import { createServer, Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, expect, test, vi } from 'vitest';
import { closeIdleOncePerTurn } from './idle-connections.ts';

closeIdleOncePerTurn();

const cleanUp: (() => void)[] = [];
afterEach(() => {
	for (const end of cleanUp.splice(0).reverse()) end();
	vi.restoreAllMocks();
});

async function serve(): Promise<{ server: Server; request(): Promise<Socket> }> {
	const server = createServer((_request, response) => response.end('ok'));
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	cleanUp.push(() => server.close());
	return {
		server,
		request: async () => {
			const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
			cleanUp.push(() => socket.destroy());
			socket.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n');
			await once(socket, 'data');
			return socket;
		}
	};
}

test('idle connections are looked for once in a turn, and closed', async () => {
	const looks = vi.spyOn(Server.prototype, 'closeIdleConnections');
	const { server, request } = await serve();
	const sockets = [await request(), await request()];
	const closed = sockets.map((socket) => once(socket, 'close'));
	for (let i = 0; i < 1000; i++) server.closeIdleConnections();
	await Promise.all(closed);
	expect(looks).toHaveBeenCalledTimes(1);
});

test('a connection that is idle later is closed when it is asked for again', async () => {
	const { server, request } = await serve();
	const first = await request();
	server.closeIdleConnections();
	await once(first, 'close');
	const second = await request();
	server.closeIdleConnections();
	await once(second, 'close');
});
