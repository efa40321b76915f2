import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { DirectStream, type Outlet } from './direct-stream.ts';

/** The response to each request that is being answered. */
const responses = new WeakMap<IncomingMessage, ServerResponse>();

/**
 * Notes the responses of the HTTP servers of this process from now on, for {@link writeToSocket}. Once per process.
 *
 * @see https://nodejs.org/docs/latest-v20.x/api/diagnostics_channel.html#http
 */
export function noteResponses(): void {
	subscribe('http.server.request.start', (message) => {
		const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
		responses.set(request, response);
	});
}

/**
 * Lets a stream write to the socket of the response that it is the body of. Chunked encoding, and the framework's loop between
 * stream and response, cost a third of what a delivery costs; the body goes out without chunks instead, and ends with its
 * connection. The framework still sends the head, and takes the bytes whenever the socket has none to spare: this is a short
 * cut, and nothing is lost where it is not to be had.
 *
 * @param response not yet sent; anything but a stream of ours is left alone
 * @param request what Node received, if Node did
 * @see https://www.rfc-editor.org/rfc/rfc9112.html#section-6.3 the last rule: a body without a length
 */
export function writeToSocket(response: Response, request: IncomingMessage | undefined): void {
	const { body } = response;
	if (!(body instanceof DirectStream) || request?.httpVersion !== '1.1') return;
	// Node leaves the body out by itself then; the socket would not.
	if (request.method === 'HEAD') return;
	const out = responses.get(request);
	if (!out || out.headersSent) return;
	out.removeHeader('transfer-encoding');
	out.setHeader('connection', 'close');
	body.shortCut(new SocketOutlet(out));
}

/** Takes bytes as long as nothing waits before them. */
class SocketOutlet implements Outlet {
	readonly #response: ServerResponse;

	constructor(response: ServerResponse) {
		this.#response = response;
	}

	take(chunk: Uint8Array): boolean {
		const { socket } = this.#response;
		// A socket that is absent still serves the request before, on the same connection.
		if (!socket?.writable || socket.writableLength > 0) return false;
		socket.write(chunk);
		return true;
	}
}
