import type { Trouble } from '../work/trouble.ts';
import { mayPass } from './transient.ts';

/** Longest pause between two attempts, in milliseconds. */
const LONGEST_PAUSE = 1000;

/**
 * Reads from the database, and tries again for as long as somebody wants the result, while it is away.
 *
 * @param options.passing errors besides {@link mayPass} after which it tries again
 * @returns null when `signal` has aborted
 * @throws any other error
 */
export async function readPersistently<T>(
	read: () => Promise<T>,
	options: { signal: AbortSignal; trouble: Trouble; passing?: (error: unknown) => boolean }
): Promise<T | null> {
	const { signal, trouble, passing } = options;
	for (let attempt = 0; !signal.aborted; attempt++) {
		try {
			const found = await read();
			trouble.over();
			return found;
		} catch (error) {
			if (!mayPass(error) && !passing?.(error)) throw error;
			if (!signal.aborted) trouble.met(error);
			await pause(Math.min(LONGEST_PAUSE, 50 * 2 ** attempt), signal);
		}
	}
	return null;
}

/** Waits, but not after `signal` has aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		const done = () => {
			clearTimeout(timer);
			signal?.removeEventListener('abort', done);
			resolve();
		};
		const timer = setTimeout(done, ms);
		signal?.addEventListener('abort', done, { once: true });
		if (signal?.aborted) done();
	});
}
