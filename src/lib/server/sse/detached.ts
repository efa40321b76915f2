import { AsyncResource } from 'node:async_hooks';

const outside = new AsyncResource('logline.detached');

/**
 * Runs `work` outside of the request that is being handled. Whatever waits remembers the asynchronous context that it began
 * in, and so would a stream keep its request, with all that the framework made of it, for as long as it lives.
 */
export function detached<T>(work: () => T): T {
	return outside.runInAsyncScope(work);
}
