/** How often the applications prove that they are alive, in milliseconds. */
export const KEEP_ALIVE_MS = 500;
/** A reader that hears nothing for so long takes the connection for dead, in milliseconds. */
export const SILENCE_MS = 3000;
/** Within which an application must have ended after SIGTERM, in milliseconds. */
export const GRACE_MS = 4000;
/** A connection to Postgres that answers nothing for so long is given up by the checker's own writers, in milliseconds. */
export const SQL_ANSWER_MS = 8000;
/** How long everything may take to come to rest after the last fault, in milliseconds. */
export const SETTLE_MS = 60_000;

/**
 * What must be over in time, or be told of: a run that hangs finds nothing.
 *
 * @throws Error that says what is not over
 */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<never>((_, reject) => {
		timer = setTimeout(() => reject(new Error(`Not within ${ms / 1000} s: ${what}`)), ms);
	});
	try {
		return await Promise.race([work, late]);
	} finally {
		clearTimeout(timer);
	}
}
