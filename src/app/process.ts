const KEY = Symbol.for('logline.end');

interface Held {
	/** Ends the running application. */
	end: (() => Promise<void>) | null;
	/** Requested starts and ends. They run one after the other. */
	turn: Promise<unknown>;
	graceMs: number;
	/** Ends the HTTP server if this process owns it. Resolves when all requests have been answered. */
	close: (() => Promise<void>) | null;
	/** True after the signal handlers have been installed. */
	listens: boolean;
}

const holder = globalThis as { [KEY]?: Held };

const hold = () =>
	(holder[KEY] ??= {
		end: null,
		turn: Promise.resolve(),
		graceMs: 0,
		close: null,
		listens: false
	});

/** @returns true when an application runs in this process */
export const isRunning = (): boolean => Boolean(holder[KEY]?.end);

/**
 * Starts an application in place of the running one, if any. In development, each edit does this. Edits can follow each
 * other faster than an application starts, and two applications must never run at the same time.
 *
 * @param start calls `endWithProcess` before it resolves
 */
export function startInstead(start: () => Promise<void>): Promise<void> {
	return inTurn(async () => {
		await endNow();
		await start();
	});
}

/**
 * Ends the application that was passed to `endWithProcess`. It first waits for a start or end that is still running. The dev
 * server ends the process right after it has closed.
 */
export function endEarlier(): Promise<void> {
	return inTurn(endNow);
}

function inTurn(work: () => Promise<void>): Promise<void> {
	const held = hold();
	const turn = held.turn.then(work);
	// The caller gets the error. The next one starts anyway.
	held.turn = turn.catch(() => {});
	return turn;
}

async function endNow(): Promise<void> {
	const held = hold();
	const { end } = held;
	held.end = null;
	await end?.();
}

/**
 * Ends the application on SIGTERM and SIGINT, in order and in time, and then the process.
 *
 * @param graceMs maximum time from the signal to the end of the process, in milliseconds
 * @param end ends the application; the database may be the last part that it closes
 */
export function endWithProcess(graceMs: number, end: () => Promise<void>): void {
	hold().end = end;
	endAtSignals(graceMs);
}

/**
 * Handles SIGTERM and SIGINT. Call it before a start: a signal then waits for the start and ends what it has started. Without
 * a handler, the signal would end the process alone, and leave a database behind.
 *
 * @param graceMs maximum time from the signal to the end of the process, in milliseconds
 */
export function endAtSignals(graceMs: number): void {
	const held = hold();
	held.graceMs = graceMs;
	if (held.listens) return;
	held.listens = true;
	let ending = false;
	const onSignal = () => {
		if (ending) return;
		ending = true;
		// Exit before the grace period ends: the sender of the signal kills the process then.
		setTimeout(() => process.exit(1), held.graceMs * 0.9).unref();
		void finish(held);
	};
	process.on('SIGTERM', onSignal);
	process.on('SIGINT', onSignal);
}

/** Sets the function that closes the HTTP server when the process ends. */
export function closeWithProcess(close: () => Promise<void>): void {
	hold().close = close;
}

async function finish(held: Held): Promise<void> {
	let code = 0;
	try {
		// A client that has connected and sent its request gets an answer: one turn of the loop accepts it, another reads it.
		for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
		// Accept no new connections while the application ends its running work.
		const closed = held.close?.();
		await endEarlier();
		await closed;
	} catch (error) {
		console.error('The application did not end cleanly:', error);
		code = 1;
	}
	process.exit(code);
}
