import { LoglineError } from '../../protocol/index.ts';
import type { Logline } from './api.ts';

const KEY = Symbol.for('logline');
const holder = globalThis as { [KEY]?: Logline };

/** Returns the Logline that runs in this process, if there is one. */
export const findRunning = (): Logline | undefined => holder[KEY];

/**
 * Returns the Logline that runs in this process.
 *
 * @throws LoglineError `draining` (503) when none runs. This is normal for a moment: connections outlive it.
 */
export function running(): Logline {
	const logline = findRunning();
	if (!logline) {
		throw new LoglineError(
			'draining',
			'The log does not run here: it starts, or shuts down. Try again in a moment.',
			503,
			1
		);
	}
	return logline;
}

/** Makes a Logline the one that {@link running} returns. */
export function setRunning(logline: Logline): void {
	holder[KEY] = logline;
}

/** Ends {@link setRunning}, unless another one has been set meanwhile. */
export function unsetRunning(logline: Logline): void {
	if (holder[KEY] === logline) delete holder[KEY];
}
