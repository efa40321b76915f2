import { createServer, request, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the front answers in place of the server. */
export interface Instead {
	status: number;
	headers?: OutgoingHttpHeaders;
	body: string;
}

/** A proxy that understands HTTP, as one stands in front of most servers. The caller must call `close()`. */
export interface Front {
	readonly port: number;
	/** Requests for streams so far. */
	readonly streams: number;
	/** While set, requests for streams get this answer. Open streams are cut. */
	answer(instead: Instead | null): void;
	close(): Promise<void>;
}

/** Starts a proxy on a free port. It answers 502 while the server is away. */
export async function startFront(target: () => number): Promise<Front> {
	let instead: Instead | null = null;
	let streams = 0;
	const open = new Set<ServerResponse>();

	const say = (response: ServerResponse, { status, headers, body }: Instead) =>
		response.writeHead(status, { 'content-type': 'text/html', ...headers }).end(body);

	const server = createServer((incoming, response) => {
		const isStream = incoming.url?.startsWith('/api/events') ?? false;
		if (isStream) {
			streams += 1;
			if (instead) return say(response, instead);
			open.add(response);
		}
		const { method, url, headers } = incoming;
		const asked = request({ host: '127.0.0.1', port: target(), method, path: url, headers });
		asked.on('response', (answer) => {
			response.writeHead(answer.statusCode ?? 502, answer.headers);
			answer.on('error', () => response.destroy());
			answer.pipe(response);
		});
		asked.on('error', () => {
			if (response.headersSent) response.destroy();
			else say(response, { status: 502, body: '<h1>Bad gateway</h1>' });
		});
		response.on('close', () => {
			open.delete(response);
			asked.destroy();
		});
		incoming.pipe(asked);
	});
	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen(0, '127.0.0.1', resolve);
	});

	return {
		port: (server.address() as AddressInfo).port,
		get streams() {
			return streams;
		},
		answer: (wanted) => {
			instead = wanted;
			if (wanted) for (const response of open) response.destroy();
		},
		close: async () => {
			const closed = new Promise((resolve) => server.close(resolve));
			server.closeAllConnections();
			await closed;
		}
	};
}
