import type { Logger } from './logger.ts';
/** Minimum time between two lines about the same problem, in milliseconds. */
const EVERY_MS = 60_000;

/**
 * Logs a problem when it begins, once a minute while it lasts, and when it is over. A problem that comes and goes is also
 * logged at most once a minute.
 */
export class Trouble {
	readonly #logger: Pick<Logger, 'warn' | 'info'>;
	readonly #lines: { lasts: string; over: string };
	#since: number | null = null;
	#toldAt = -Infinity;
	#told = false;

	/**
	 * @param lines.lasts what goes wrong, and what is done about it
	 * @param lines.over says that the problem is over
	 */
	constructor(logger: Pick<Logger, 'warn' | 'info'>, lines: { lasts: string; over: string }) {
		this.#logger = logger;
		this.#lines = lines;
	}

	/** True while the problem lasts. */
	get lasts(): boolean {
		return this.#since !== null;
	}

	/** Call it on each failure. */
	met(error: unknown): void {
		const now = performance.now();
		this.#since ??= now;
		if (now - this.#toldAt < EVERY_MS) return;
		this.#toldAt = now;
		this.#told = true;
		this.#logger.warn({ err: error, forMs: Math.round(now - this.#since) }, this.#lines.lasts);
	}

	/** Call it on each success. */
	over(): void {
		if (this.#since === null) return;
		const forMs = Math.round(performance.now() - this.#since);
		this.#since = null;
		if (this.#told) this.#logger.info({ forMs }, this.#lines.over);
		this.#told = false;
	}
}
