import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from '../support/until.ts';

/** Returns an event in wire format. */
export function frame(id: string | number | null, event: string, data: unknown): string {
	const text = typeof data === 'string' ? data : JSON.stringify(data);
	return `${id === null ? '' : `id: ${id}\n`}event: ${event}\ndata: ${text}\n\n`;
}

/** Returns a keep-alive with a position. */
export function keepAlive(position: string | number): string {
	return `: keep-alive\nid: ${position}\nevent: keep-alive\ndata: {}\n\n`;
}

/** One request to the server, with methods to write its response. */
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

	/** Cursor that the client sent, or null. */
	get cursor(): string | null {
		return this.query.get('lastEventID');
	}

	send(...frames: string[]): void {
		this.response.write(frames.join(''));
	}

	/** Ends the response like a server that shuts down. */
	end(): void {
		this.response.end();
	}

	/** Cuts the connection. */
	cut(): void {
		this.response.socket?.destroy();
	}
}

/** An event stream server that sends only what a test tells it to send. */
export class StreamServer {
	readonly served: Served[] = [];
	/** Called when a client asks why it was refused, before the response. */
	onAsked: () => void = () => {};
	/** While set, every request gets this status and no stream. */
	status: number | null = null;
	/** Headers and body of such a response. */
	refusal: { headers?: Record<string, string>; body?: unknown } = {};
	/** While true, requests get no response. */
	mute = false;
	readonly #server: Server;

	private constructor(server: Server) {
		this.#server = server;
	}

	static async start(): Promise<StreamServer> {
		const server = createServer();
		const self = new StreamServer(server);
		server.on('request', (request, response) => {
			if (request.headers.accept === 'application/json') self.onAsked();
			else self.served.push(new Served(request, response));
			if (self.mute) return;
			if (self.status !== null) {
				const { headers = {}, body } = self.refusal;
				response
					.writeHead(self.status, headers)
					.end(body === undefined ? '' : JSON.stringify(body));
				return;
			}
			response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
			// The package `eventsource` keeps a timer of this length when its stream is closed in the handler of its error.
			response.write('retry: 500\n\n');
		});
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		return self;
	}

	get url(): string {
		return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/events`;
	}

	/** Returns the n-th request (from 1), as soon as it has arrived. */
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
