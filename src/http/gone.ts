import type { Socket } from 'node:net';
import { whileWanted } from 'logline/postgres';

/**
 * Runs the work of a request. When the client disconnects, queries of this work that still wait for a connection to the
 * database are rejected.
 *
 * It watches the connection, not the response: a response that waits behind another one never closes.
 *
 * @param work gets a signal that aborts when the client disconnects
 */
export async function whileClientIsThere<T>(
	socket: Socket,
	work: (gone: AbortSignal) => Promise<T>
): Promise<T> {
	const gone = new AbortController();
	const abort = () => gone.abort();
	if (socket.destroyed) abort();
	socket.once('close', abort);
	try {
		return await whileWanted(gone.signal, () => work(gone.signal));
	} finally {
		// The socket stays open for the next request.
		socket.off('close', abort);
	}
}
