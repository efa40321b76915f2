import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from '../support/until.ts';

/** An event as it stands on the wire. */
export function frame(id: string | number | null, event: string, data: unknown): string {
	const text = typeof data === 'string' ? data : JSON.stringify(data);
	return `${id === null ? '' : `id: ${id}\n`}event: ${event}\ndata: ${text}\n\n`;
}

/** A keep-alive that tells a position. */
export function keepAlive(position: string | number): string {
	return `: keep-alive\nid: ${position}\nevent: keep-alive\ndata: {}\n\n`;
}

/** One request to the server, and the hand that writes its answer. */
export class Served {
	readonly query: URLSearchParams;
	closed = false;

	constructor(
		request: IncomingMessage,
		readonly response: ServerResponse
	) {
		this.query = new URL(request.url ?? '/', 'http://localhost').searchParams;
		response.on('close', () => {
			this.closed = true;
		});
	}

	get topics(): string[] {
		return this.query.getAll('topics');
	}

	/** Cursor the client sent, or null. */
	get cursor(): string | null {
		return this.query.get('lastEventID');
	}

	send(...frames: string[]): void {
		this.response.write(frames.join(''));
	}

	/** Ends the answer as a server that stops does. */
	end(): void {
		this.response.end();
	}

	/** Cuts the wire. */
	cut(): void {
		this.response.socket?.destroy();
	}
}

/** An event stream server that says only what a test tells it to. */
export class StreamServer {
	readonly served: Served[] = [];
	/** While set, every request is answered with this status and no stream. */
	status: number | null = null;
	/** While set, requests get no answer at all. */
	mute = false;
	readonly #server: Server;

	private constructor(server: Server) {
		this.#server = server;
	}

	static async start(): Promise<StreamServer> {
		const server = createServer();
		const self = new StreamServer(server);
		server.on('request', (request, response) => {
			const served = new Served(request, response);
			self.served.push(served);
			if (self.mute) return;
			if (self.status !== null) {
				response.writeHead(self.status).end();
				return;
			}
			response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
			response.write('retry: 3000\n\n');
		});
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		return self;
	}

	get url(): string {
		return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/events`;
	}

	/** The n-th request (from 1), as soon as it has come. */
	async request(n: number): Promise<Served> {
		await until(() => this.served.length >= n);
		return this.served[n - 1]!;
	}

	async stop(): Promise<void> {
		const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
		this.#server.closeAllConnections();
		await stopped;
	}
}
