import type { Logger } from 'pino';

/** How long a failing loop waits before it tries again, in milliseconds: doubling from the first to the last. */
const FIRST_BACK_OFF = 50;
const LAST_BACK_OFF = 2000;

/** Work that goes on in rounds until it is stopped. */
export interface Loop {
	/** Ends the pause, so that the next round starts now. A loop that is backing off from a failure does not hear it. */
	wake(): void;
	/** No further round begins; resolves when the one under way is over. */
	stop(): Promise<void>;
}

/**
 * Runs rounds one after the other, the first at once.
 *
 * A round that fails is tried again after a growing pause, for as long as it takes. However long that is, the log gets one
 * warning when it begins and one line when it is over.
 *
 * @param options.name `source` of its lines in the log
 * @param options.round one round; answers how many milliseconds to pause before the next (`Infinity`: until woken)
 */
export function startLoop(options: {
	name: string;
	logger: Logger;
	round: () => Promise<number>;
}): Loop {
	const { name, round } = options;
	const logger = options.logger.child({ source: name });
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
			// Before the round looks at anything: what changes while it looks must start another one.
			woken = false;
			try {
				const ms = await round();
				if (failures > 0) logger.info('goes on');
				failures = 0;
				await pause(ms, false);
			} catch (error) {
				if (failures === 0) logger.warn({ err: error }, 'failed; trying again');
				await pause(Math.min(LAST_BACK_OFF, FIRST_BACK_OFF * 2 ** failures), true);
				failures = Math.min(failures + 1, 10);
			}
		}
	}

	const running = run();
	return {
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
