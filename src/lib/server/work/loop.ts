import type { Logger } from './logger.ts';
import { Trouble } from './trouble.ts';

/** How long a failing loop waits before it tries again: doubling from the first to the last. Milliseconds. */
const FIRST_BACK_OFF = 50;
const LAST_BACK_OFF = 2000;

/** Work that repeats in rounds until it is stopped. */
export interface Loop {
	readonly name: string;
	/** True when the last round failed. */
	readonly failing: boolean;
	/** Ends the pause, so that the next round starts now. It has no effect while the loop backs off after a failure. */
	wake(): void;
	/** Starts no further round. Resolves when the current one has ended. */
	stop(): Promise<void>;
}

/**
 * Runs rounds one after the other. The first starts at once.
 *
 * A failed round is tried again after a growing pause, for as long as needed. The log gets a warning when the failures
 * begin, one per minute while they last, and a line when they are over.
 *
 * @param options.name `source` of its log lines
 * @param options.round one round; returns the milliseconds to pause before the next (`Infinity`: until woken)
 */
export function startLoop(options: {
	name: string;
	logger: Logger;
	round: () => Promise<number>;
}): Loop {
	const { name, round } = options;
	const trouble = new Trouble(options.logger.child({ source: name }), {
		lasts: 'failed; trying again',
		over: 'goes on'
	});
	let stopped = false;
	let woken = false;
	let endPause: ((because: 'wake' | 'stop') => void) | null = null;

	function pause(ms: number, deaf: boolean): Promise<void> {
		if (stopped || (woken && !deaf)) return Promise.resolve();
		return new Promise((resolve) => {
			const timer = ms === Infinity ? undefined : setTimeout(end, Math.max(0, ms));
			function end() {
				clearTimeout(timer);
				endPause = null;
				resolve();
			}
			endPause = (because) => {
				if (because === 'stop' || !deaf) end();
			};
		});
	}

	async function run(): Promise<void> {
		let failures = 0;
		while (!stopped) {
			// Reset before the round reads anything: a wake during the round must start another one.
			woken = false;
			try {
				const ms = await round();
				trouble.over();
				failures = 0;
				await pause(ms, false);
			} catch (error) {
				// An error caused by stopping the loop is not logged.
				if (!stopped) trouble.met(error);
				await pause(Math.min(LAST_BACK_OFF, FIRST_BACK_OFF * 2 ** failures), true);
				failures = Math.min(failures + 1, 10);
			}
		}
	}

	const running = run();
	return {
		name,
		get failing() {
			return trouble.lasts;
		},
		wake() {
			woken = true;
			endPause?.('wake');
		},
		stop() {
			stopped = true;
			endPause?.('stop');
			return running;
		}
	};
}
