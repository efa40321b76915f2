import { join } from 'node:path';
import lockfile from 'proper-lockfile';

/** After this time another process may take over the lock of a killed process. Milliseconds. */
const STALE_MS = 10_000;

/**
 * Runs work that only one process of this machine may run at a time.
 *
 * @param folder an existing folder for the lock file
 * @param name name of the lock file
 * @param onWait called once when another process holds the lock
 */
export async function locked<T>(
	folder: string,
	name: string,
	work: () => Promise<T>,
	onWait?: () => void
): Promise<T> {
	const take = (retries: number) =>
		lockfile.lock(folder, {
			lockfilePath: join(folder, name),
			stale: STALE_MS,
			retries: { retries, minTimeout: 100, maxTimeout: 100, factor: 1 },
			// The lock can be lost, for example when a laptop sleeps. Each caller must be safe even if a second process
			// holds the lock then.
			onCompromised: () => {}
		});
	const unlock = await take(0).catch((error: unknown) => {
		if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error;
		onWait?.();
		return take(6000);
	});
	try {
		return await work();
	} finally {
		await unlock().catch((error: unknown) => {
			const { code } = error as NodeJS.ErrnoException;
			if (code !== 'ERELEASED' && code !== 'ENOTACQUIRED') throw error;
		});
	}
}
