import { AsyncLocalStorage } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';

const asking = new AsyncLocalStorage<AbortSignal>();

/**
 * Runs work for a client that may disconnect. When the signal aborts, queries of this work that still wait in a pool for
 * requests (`forRequests`) are rejected, and so are new ones. Queries already sent to Postgres are not affected. Work that
 * continues after its request must run outside of this function.
 */
export function whileWanted<T>(signal: AbortSignal, work: () => T): T {
	// Each query that waits listens. The pool limits how many do, so Node need not warn of more than ten.
	setMaxListeners(0, signal);
	return asking.run(signal, work);
}

/** @returns the signal of the current work; it aborts when the client has disconnected */
export function wantedUntil(): AbortSignal | undefined {
	return asking.getStore();
}
