import { createSubscriber } from 'svelte/reactivity';

/** One timer for all readers. It starts with the first effect that reads the time and ends with the last. */
function clock(tickMs: number): () => number {
	const subscribe = createSubscriber((update) => {
		const timer = setInterval(update, tickMs);
		return () => clearInterval(timer);
	});
	return () => {
		subscribe();
		return Date.now();
	};
}

/** The time in milliseconds since 1970. In a component it updates every five seconds. */
export const now = clock(5000);

/** The same for a countdown: it updates four times a second. */
export const preciseNow = clock(250);
