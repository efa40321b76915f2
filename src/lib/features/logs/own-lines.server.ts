import { randomUUID } from 'node:crypto';
import type { App } from '$lib/server/app.ts';
import type { NewEvent } from '$lib/server/log/types.ts';
import { startLoop } from '$lib/server/loop.ts';
import type { LogEntry } from './reducer.ts';

/** Lines that may wait; what comes while so many do is dropped. */
const MAX_WAITING = 50;
/** Lines in one append, and the time between two in milliseconds: five a second at most. */
const PER_APPEND = 5;
const PAUSE = 1000;
/** Our own complaints about an append that fails must not become the next thing to append. */
const OWN_SOURCE = 'logs';

/**
 * Shows the application's own log lines on the topic `logs`, while somebody of this process watches.
 *
 * Showing a line must not cause a line to show. So what is said while an append is under way is dropped, and so are debug
 * lines, in which the machinery speaks of each event.
 *
 * @returns how to end it; lines that still wait are dropped.
 */
export function showOwnLines(
	app: Pick<App, 'logger' | 'isSubscribed' | 'onLogLine'> & {
		append(events: NewEvent[]): Promise<unknown>;
	}
): () => Promise<void> {
	const waiting: LogEntry[] = [];
	let appending = false;

	const loop = startLoop({
		name: OWN_SOURCE,
		logger: app.logger,
		async round() {
			if (waiting.length === 0) return PAUSE;
			// Taken out first: an append whose outcome is unknown is not made again.
			const entries = waiting.splice(0, PER_APPEND);
			appending = true;
			try {
				await app.append(entries.map((data) => ({ topic: 'logs', data })));
			} finally {
				appending = false;
			}
			return PAUSE;
		}
	});
	const stopListening = app.onLogLine((line) => {
		if (line.level === 'debug' || line.source === OWN_SOURCE || appending) return;
		if (waiting.length >= MAX_WAITING || !app.isSubscribed('logs')) return;
		waiting.push({ id: randomUUID(), ...line, timestamp: new Date().toISOString() });
	});
	return async () => {
		stopListening();
		await loop.stop();
	};
}
