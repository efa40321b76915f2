/** Keep-alive interval of the applications, in milliseconds. */
export const KEEP_ALIVE_MS = 500;
/** A reader that receives nothing for this long treats the connection as dead. Milliseconds. */
export const SILENCE_MS = 3000;
/** A client that takes no bytes for this long is disconnected. Milliseconds. */
export const STALL_MS = 5000;
/** Time within which an application must end after SIGTERM, in milliseconds. */
export const GRACE_MS = 4000;
/** After this silence, the checker's own writers give up a connection to Postgres. Milliseconds. */
export const SQL_ANSWER_MS = 8000;
/** How long everything may take to settle after the last fault, in milliseconds. */
export const SETTLE_MS = 60_000;

/**
 * Fails when the work does not end in time: a run that hangs would find nothing.
 *
 * @throws Error that says what has not ended
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
