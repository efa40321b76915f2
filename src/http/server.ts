import { lstat, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Place } from './listen-options.ts';

/** The application as SvelteKit's adapter builds it: it responds to a request, or calls `next`. */
export type Handler = (
	request: IncomingMessage,
	response: ServerResponse,
	next: () => void
) => unknown;

/** Responds to a request itself and returns true, or returns false to pass it to the framework. */
export type Door = (request: IncomingMessage, response: ServerResponse) => boolean;

/** The parts of a server. */
export interface ServerParts {
	handler: Handler;
	door: Door;
	/** Set on every response. The response may replace them. */
	headers: ReadonlyMap<string, string>;
	logger: Pick<Logger, 'error'>;
	/** Time from `close` until busy connections are cut, in milliseconds. */
	closeMs: number;
}

/** A server that listens. */
export interface HttpServer {
	readonly server: Server;
	/** Accepts no new connections, and resolves when the last one has ended. */
	close: () => Promise<void>;
}

/**
 * How many connections may wait to be accepted. Node's default of 511 is too small when thousands of streams reconnect at
 * once.
 */
const BACKLOG = 4096;

/**
 * How many requests may wait for their responses on one connection; a client that sends more is cut. Node handles all requests
 * of a packet in one turn of the loop, so one client could stall all others. Browsers and proxies do not send ahead.
 */
const MAX_PIPELINED = 32;

/**
 * How long a connection without a request is kept, in milliseconds. It must be longer than a proxy keeps it (60 seconds in
 * nginx). If the server closed first, the proxy could send a request on a connection that is already closed.
 */
const KEEP_ALIVE_MS = 75_000;

/**
 * Serves an application over HTTP. It does what the server of adapter-node does, and what that one has no setting for.
 *
 * @throws the system's error when it cannot listen
 * @see https://svelte.dev/docs/kit/adapter-node#Custom-server
 */
export async function listen(parts: ServerParts, where: Place): Promise<HttpServer> {
	const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
	const closer = new Closer(server, parts.closeMs);
	const unanswered = new WeakMap<Socket, number>();
	server.on('request', (request: IncomingMessage, response: ServerResponse) => {
		const { socket } = request;
		const count = (unanswered.get(socket) ?? 0) + 1;
		if (count > MAX_PIPELINED) {
			socket.destroy();
			return;
		}
		unanswered.set(socket, count);
		response.once('close', () => unanswered.set(socket, unanswered.get(socket)! - 1));
		ignoreBadRange(request);
		response.setHeaders(parts.headers as Map<string, string>);
		response.once('finish', () => dropBody(request));
		response.once('close', closer.look);
		answer(parts, request, response);
	});
	if ('path' in where && where.path) await removeStaleSocket(where.path);
	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen({ backlog: BACKLOG, ...where }, () => {
			server.off('error', reject);
			// For example when the process has no file descriptors left. Without a listener, it would end the process.
			server.on('error', (error) => {
				parts.logger.error({ err: error }, 'a connection could not be accepted');
			});
			resolve();
		});
	});
	return { server, close: () => closer.close() };
}

/** Removes the socket file of a server that was killed. A file of another kind, and the socket of a running server, stay. */
async function removeStaleSocket(path: string): Promise<void> {
	// When the path cannot be read, `listen` reports why.
	const [found] = await Promise.allSettled([lstat(path)]);
	if (found.status === 'rejected' || !found.value.isSocket()) return;
	const socket = connect(path);
	const refused = await new Promise<boolean>((resolve) => {
		socket.once('connect', () => resolve(false));
		socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED'));
	});
	socket.destroy();
	if (refused) await rm(path);
}

/**
 * Lets the door or the framework respond. Both turn errors of the application into responses. So an error thrown here is a
 * defect.
 */
function answer(
	{ door, handler, logger }: ServerParts,
	request: IncomingMessage,
	response: ServerResponse
): void {
	const next = () => void response.writeHead(404).end('Not Found');
	void (async () => {
		try {
			if (!door(request, response)) await handler(request, response, next);
		} catch (error) {
			logger.error({ err: error }, 'a request failed');
			if (response.headersSent) response.destroy();
			else response.writeHead(500).end('Internal Error');
		}
	})();
}

/**
 * Removes a `Range` that is not one range of bytes from first to last: the adapter's file server throws at it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110.html#section-14.2 a server may ignore it
 */
function ignoreBadRange({ headers }: IncomingMessage): void {
	if (headers.range === undefined) return;
	const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(headers.range) ?? [];
	const isRange = first === '' ? Number(last) > 0 : last === '' || Number(first) <= Number(last);
	if (!isRange) delete headers.range;
}

/**
 * Reads the rest of a request's body and drops it after the response has been sent. Node does this only for a body that
 * nobody has accessed, but the framework always accesses it. Without this, the body would wait for a reader for ever, and so
 * would the next request of the connection. The client can read its response (413, 401, 404) instead of a connection reset.
 * A client that keeps sending is cut by Node (`requestTimeout`, 5 minutes).
 */
function dropBody(request: IncomingMessage): void {
	if (request.readableEnded) return;
	request.removeAllListeners('data');
	request.resume();
}

/**
 * Closes a server. It looks for idle connections at most once per turn of the event loop: each look makes Node visit all
 * connections. If each of ten thousand ending streams caused a look, the loop would be busy for seven seconds.
 */
class Closer {
	readonly #server: Server;
	readonly #closeMs: number;
	/** Sockets without a request yet: browsers and proxies connect in advance. Node does not count these sockets as idle. */
	readonly #silent = new Set<Socket>();
	#closed: Promise<void> | null = null;
	#due = false;

	constructor(server: Server, closeMs: number) {
		this.#server = server;
		this.#closeMs = closeMs;
		server.on('connection', (socket) => {
			// Each request of a connection may wait for its close.
			socket.setMaxListeners(4 * MAX_PIPELINED);
			this.#silent.add(socket);
			socket.once('close', () => this.#silent.delete(socket));
		});
		server.on('request', ({ socket }: IncomingMessage) => this.#silent.delete(socket));
	}

	/** Call it after each response. */
	readonly look = (): void => {
		if (!this.#closed || this.#due) return;
		this.#due = true;
		setImmediate(() => {
			this.#due = false;
			this.#server.closeIdleConnections();
		});
	};

	close(): Promise<void> {
		return (this.#closed ??= new Promise((resolve) => {
			for (const socket of this.#silent) if (socket.bytesRead === 0) socket.destroy();
			const cut = setTimeout(() => this.#server.closeAllConnections(), this.#closeMs);
			// Node itself closes the connections that are idle now.
			this.#server.close(() => {
				clearTimeout(cut);
				resolve();
			});
		}));
	}
}
