import type { Logger } from './logger.ts';
import { Trouble } from './trouble.ts';

/** How long a failing loop waits before it tries again: doubling from the first to the last. Milliseconds. */
const FIRST_BACK_OFF = 50;
const LAST_BACK_OFF = 2000;

/** When work that can wait begins, in milliseconds: at random between them. */
const SOONEST = 2000;
const LATEST = 5000;

/** What a loop does. */
export interface LoopOptions {
	/** `source` of its log lines. */
	name: string;
	logger: Logger;
	/** One round. Returns the milliseconds to pause before the next (`Infinity`: until woken). */
	round: () => Promise<number>;
	/**
	 * True: the first round can wait some seconds, and begins at random. The start of a process has other work, and those that
	 * start together do not all do the same. `wake` begins it at once. Default false.
	 */
	later?: boolean;
	/** Longest pause after a failure, in milliseconds. Default 2,000. */
	maxBackOffMs?: number;
	/** True: `wake` also ends the pause after a failure. For work that is woken when its cause is over. Default false. */
	wakesFromBackOff?: boolean;
	/** Said when the failures begin and while they last, and when they are over. */
	lines?: { lasts: string; over: string };
}

/** Work that repeats in rounds until it is stopped. */
export interface Loop {
	readonly name: string;
	/** True when the last round failed. */
	readonly failing: boolean;
	/**
	 * Ends the pause, so that the next round starts now; during a round: another round follows. After a failure it has no
	 * effect, unless `wakesFromBackOff` is set.
	 */
	wake(): void;
	/** Starts no further round. Resolves when the current one has ended. */
	stop(): Promise<void>;
}

/**
 * Runs rounds one after the other. The first starts at once, unless it can wait.
 *
 * A failed round is tried again after a growing pause, for as long as needed. The log gets a warning when the failures
 * begin, one per minute while they last, and a line when they are over.
 */
export function startLoop(options: LoopOptions): Loop {
	const { name, round, maxBackOffMs = LAST_BACK_OFF, wakesFromBackOff = false } = options;
	const lines = options.lines ?? { lasts: 'failed; trying again', over: 'goes on' };
	const trouble = new Trouble(options.logger.child({ source: name }), lines);
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
		if (options.later) await pause(SOONEST + (LATEST - SOONEST) * Math.random(), false);
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
				await pause(Math.min(maxBackOffMs, FIRST_BACK_OFF * 2 ** failures), !wakesFromBackOff);
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
