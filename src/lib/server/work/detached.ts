import { AsyncResource } from 'node:async_hooks';

const outside = new AsyncResource('logline.detached');

/**
 * Runs `work` outside the asynchronous context of the current request. A pending promise keeps the context in which it was
 * created. So without this, a stream would keep its request, and everything that the framework created for it, in memory
 * while it is open.
 */
export function detached<T>(work: () => T): T {
	return outside.runInAsyncScope(work);
}
