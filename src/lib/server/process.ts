const KEY = Symbol.for('logline.end');

interface Held {
	/** Ends what runs now. */
	end: (() => Promise<void>) | null;
	/** It is ending: whoever asks again waits for the same end. */
	ending: Promise<void> | null;
	graceMs: number;
	/** Told when the HTTP server has answered everything, if it tells. */
	served: Promise<void> | null;
}

const holder = globalThis as { [KEY]?: Held };

/**
 * Ends what an earlier `endWithProcess` of this process named, and waits for an end that is under way. In development an
 * edit starts the application again, and the dev server ends the process as soon as it has closed.
 */
export async function endEarlier(): Promise<void> {
	const held = holder[KEY];
	if (!held) return;
	const { end } = held;
	held.end = null;
	if (end) {
		held.ending = end().finally(() => {
			held.ending = null;
		});
	}
	await held.ending;
}

/**
 * Ends the application on SIGTERM and SIGINT, in order and within the grace, and then the process.
 *
 * @param graceMs milliseconds from the signal to the end of the process, at most
 * @param end ends the application; what it closes last may be the database
 * @param options.served whether the HTTP server says `sveltekit:shutdown` when it has answered everything (adapter-node)
 */
export function endWithProcess(
	graceMs: number,
	end: () => Promise<void>,
	options: { served: boolean }
): void {
	const first = holder[KEY] === undefined;
	const held = (holder[KEY] ??= { end: null, ending: null, graceMs, served: null });
	held.end = end;
	held.graceMs = graceMs;
	if (!first) return;
	if (options.served) {
		held.served = new Promise((resolve) =>
			process.once('sveltekit:shutdown' as 'exit', () => resolve())
		);
	}
	let ending = false;
	const onSignal = () => {
		if (ending) return;
		ending = true;
		// Not later than the grace: whoever sent the signal kills what is left then.
		setTimeout(() => process.exit(1), held.graceMs * 0.9).unref();
		void finish(held);
	};
	process.on('SIGTERM', onSignal);
	process.on('SIGINT', onSignal);
}

async function finish(held: Held): Promise<void> {
	let code = 0;
	try {
		await endEarlier();
		await held.served;
	} catch (error) {
		console.error('The application did not end cleanly:', error);
		code = 1;
	}
	process.exit(code);
}
