import { createSubscriber } from 'svelte/reactivity';

const TICK_MS = 5000;

// One timer for all readers; it starts with the first effect that reads the time and ends with the last.
const subscribe = createSubscriber((update) => {
	const timer = setInterval(update, TICK_MS);
	return () => clearInterval(timer);
});

/** The time in milliseconds since 1970. Read in a component, it is read again every five seconds. */
export function now(): number {
	subscribe();
	return Date.now();
}
