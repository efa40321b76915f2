import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { DirectStream, type Outlet } from './direct-stream.ts';

/**
 * Sends a stream as the response of a Node server to a GET request. Chunked encoding, and a loop between stream and
 * response, would cost a third of the work of a delivery. So the body is sent without chunks and ends with its connection,
 * and bytes are written directly to the socket while its buffer is empty. Otherwise the loop below sends them and waits for
 * the socket.
 *
 * @param response a response of {@link produceSSE}. Any other response is sent whole.
 * @returns resolves when everything has been sent, or when the client has disconnected
 * @see https://www.rfc-editor.org/rfc/rfc9112.html#section-6.3 the last rule: a body without a length
 */
export function sendStream(response: Response, out: ServerResponse): Promise<void> {
	const { body, headers, status } = response;
	if (!(body instanceof DirectStream)) return sendWhole(response, out);
	const direct = out.req.httpVersion === '1.1';
	if (direct) {
		// The only way in Node to send a body without chunks.
		out.removeHeader('transfer-encoding');
		out.setHeader('connection', 'close');
	}
	out.setHeaders(headers);
	out.statusCode = status;
	body.shortCut(new SocketOutlet(out, direct));
	return pass(body.getReader(), out);
}

async function sendWhole(response: Response, out: ServerResponse): Promise<void> {
	const bytes = new Uint8Array(await response.arrayBuffer());
	out.setHeaders(response.headers);
	out.statusCode = response.status;
	out.end(bytes);
}

/** A separate function, so that an open stream keeps only its reader in memory. */
async function pass(
	reader: ReadableStreamDefaultReader<Uint8Array>,
	out: ServerResponse
): Promise<void> {
	for (;;) {
		const { done, value } = await reader.read();
		if (done) break;
		if (!out.write(value)) await writableAgain(out);
	}
	out.end();
}

/** Also resolves when the client has disconnected: the source has ended by then. */
function writableAgain(out: ServerResponse): Promise<void> {
	return new Promise((resolve) => {
		if (out.destroyed) {
			resolve();
			return;
		}
		const { socket } = out.req;
		const done = () => {
			out.off('drain', done);
			socket.off('close', done);
			resolve();
		};
		out.on('drain', done);
		socket.on('close', done);
	});
}

/**
 * Connects a stream that the framework sends with its socket, so that the stream can close the socket. Without this, a client
 * that reads nothing would keep the framework waiting, and its socket open, for ever. Other responses are not changed.
 */
export function bindToSocket({ body, headers }: Response, socket: Socket): void {
	if (!(body instanceof DirectStream)) return;
	// The socket serves no other request, so the listeners on it end with it.
	headers.set('connection', 'close');
	body.shortCut(new FrameworkOutlet(socket));
}

/** An outlet that can close the connection of a stream. */
abstract class ConnectionOutlet implements Outlet {
	readonly #socket: Socket;

	constructor(socket: Socket) {
		this.#socket = socket;
	}

	abstract take(chunk: Uint8Array): boolean;

	/**
	 * Destroys the connection, not the response: a response that waits behind another one on its connection has no socket yet.
	 */
	destroy(): void {
		// With a reset, the kernel drops what the client has not taken. Else it would keep megabytes for each client for minutes.
		if (this.#socket.remoteAddress === undefined) this.#socket.destroy();
		else this.#socket.resetAndDestroy();
	}

	onClose(listener: () => void): void {
		if (this.#socket.destroyed) listener();
		else this.#socket.once('close', listener);
	}
}

/** Takes no bytes: the framework sends all of them. */
class FrameworkOutlet extends ConnectionOutlet {
	take(): boolean {
		return false;
	}
}

/** Takes bytes only while no other bytes wait before them. */
class SocketOutlet extends ConnectionOutlet {
	readonly #response: ServerResponse;
	readonly #direct: boolean;

	/** @param direct true when the body may be sent without chunks */
	constructor(response: ServerResponse, direct: boolean) {
		super(response.req.socket);
		this.#response = response;
		this.#direct = direct;
	}

	take(chunk: Uint8Array): boolean {
		const { socket, headersSent } = this.#response;
		// Without a socket, the connection still serves the previous request.
		if (!this.#direct || !headersSent || !socket?.writable || socket.writableLength > 0)
			return false;
		socket.write(chunk);
		return true;
	}
}
