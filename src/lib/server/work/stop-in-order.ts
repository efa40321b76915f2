/** One step of a shutdown: its name, its function, and how many milliseconds to wait for it (absent: until it ends). */
export type Step = readonly [name: string, end: () => unknown, withinMs?: number];

/**
 * Runs all steps one after the other, even if some fail.
 *
 * @param failed called for each step that fails or does not end in time
 * @throws the first error, after all steps
 */
export async function stopInOrder(
	steps: readonly Step[],
	failed: (error: unknown, name: string) => void
): Promise<void> {
	const errors: unknown[] = [];
	for (const [name, end, withinMs] of steps) {
		try {
			await (withinMs === undefined ? end() : within(withinMs, end()));
		} catch (error) {
			failed(error, name);
			errors.push(error);
		}
	}
	if (errors.length > 0) throw errors[0];
}

async function within(ms: number, work: unknown): Promise<void> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<never>((_, reject) => {
		timer = setTimeout(() => reject(new Error(`It has not ended within ${ms} ms`)), ms);
	});
	try {
		await Promise.race([work, late]);
	} finally {
		clearTimeout(timer);
	}
}
