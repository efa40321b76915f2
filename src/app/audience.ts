import type { Logline } from 'logline/server';

/** How long a source continues after its last subscriber has left, in milliseconds. */
const LINGER_MS = 5 * 60_000;

/** How long one look of a visitor without an account counts, in milliseconds. Their pages look every few seconds. */
const LOOK_MS = 15_000;

/** Log → when a visitor without an account last looked at it. */
const looks = new WeakMap<object, number>();

/** Call it when somebody without an account is shown events of the demo: its sources then emit for a moment. */
export function noteLook(logline: object): void {
	looks.set(logline, performance.now());
}

/** Says whether a client of this process is subscribed to a topic, or was recently, or somebody looks at it. */
export interface Audience {
	isThere(): boolean;
	/** Stops listening to the application. */
	stop(): void;
}

/**
 * Tells a source of the demo whether to emit. Readers disconnect on purpose to see the catch-up, and then there must be
 * missed events. So the source continues for some minutes after the last subscriber has left.
 *
 * @param lingerMs how long it continues, in milliseconds
 */
export function watchAudience(
	logline: Pick<Logline, 'isSubscribed' | 'onSubscribe'>,
	topic: string,
	lingerMs = LINGER_MS
): Audience {
	let lastSeen = -Infinity;
	const stop = logline.onSubscribe((_viewer, topics) => {
		if (topics.includes(topic)) lastSeen = performance.now();
	});
	return {
		isThere() {
			const now = performance.now();
			if (now - (looks.get(logline) ?? -Infinity) < LOOK_MS) return true;
			if (!logline.isSubscribed(topic)) return now - lastSeen < lingerMs;
			lastSeen = now;
			return true;
		},
		stop
	};
}
