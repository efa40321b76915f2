import { setTimeout as pause } from 'node:timers/promises';

/** How long and how often to check. */
export interface UntilOptions {
	/** Completes "Waited in vain until …". */
	what?: string;
	/** Milliseconds. Default 10 000. */
	timeoutMs?: number;
	/**
	 * Milliseconds between two checks. Default: four times what a check takes, at least 10 and at most 250. What one waits for
	 * needs the processor.
	 */
	everyMs?: number;
}

/**
 * Waits until the condition returns a truthy value, and returns it. A condition that throws counts as not fulfilled.
 *
 * @throws Error that says what was waited for, and what the condition returned or threw last
 */
export async function until<T>(
	condition: () => T | Promise<T>,
	{ what, timeoutMs = 10_000, everyMs }: UntilOptions = {}
): Promise<Exclude<T, false | null | undefined | 0 | ''>> {
	const started = performance.now();
	let last: unknown;
	let thrown: unknown;
	while (performance.now() - started < timeoutMs) {
		const asked = performance.now();
		try {
			last = thrown = undefined;
			const answer = await condition();
			if (answer) return answer as Exclude<T, false | null | undefined | 0 | ''>;
			last = answer;
		} catch (error) {
			thrown = error;
		}
		const took = performance.now() - asked;
		await pause(everyMs ?? Math.min(250, Math.max(10, 4 * took)));
	}
	const outcome = thrown ? `it threw ${String(thrown)}` : `it was ${String(last)}`;
	throw new Error(
		`Waited ${timeoutMs} ms in vain until ${what ?? condition.toString()}; at the end ${outcome}`,
		{ cause: thrown }
	);
}
