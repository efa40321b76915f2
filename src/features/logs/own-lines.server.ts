import { randomUUID } from 'node:crypto';
import type { App } from '$src/app/app.ts';
import { watchAudience } from '$src/app/audience.ts';
import { startLoop, type Logline, type NewEvent } from 'logline/server';
import type { LogEntry } from './reducer.ts';

/** Maximum lines that wait. More lines are dropped. */
const MAX_WAITING = 50;
/** Lines in one append, and milliseconds between two appends: at most five lines a second. */
const PER_APPEND = 5;
const PAUSE = 1000;
/** Log lines about a failing append must not be appended themselves. */
const OWN_SOURCE = 'logs';

/**
 * Emits the application's own log lines on the topic `logs`, while a client of this process is subscribed or was recently.
 *
 * Emitting a line must not cause another line. So lines logged during an append are dropped. Debug lines are dropped too,
 * because some are logged for each event.
 *
 * @returns a function that ends it; waiting lines are dropped
 */
export function showOwnLines(
	app: Pick<App, 'logger' | 'onLogLine'> & {
		logline: Pick<Logline, 'isSubscribed' | 'onSubscribe'> & {
			append(events: NewEvent[]): Promise<unknown>;
		};
	}
): () => Promise<void> {
	const audience = watchAudience(app.logline, 'logs');
	const waiting: LogEntry[] = [];
	let appending = false;

	const loop = startLoop({
		name: OWN_SOURCE,
		logger: app.logger,
		async round() {
			if (waiting.length === 0) return PAUSE;
			// Remove them first: an append with an unknown outcome is not repeated.
			const entries = waiting.splice(0, PER_APPEND);
			appending = true;
			try {
				await app.logline.append(entries.map((data) => ({ topic: 'logs', data })));
			} finally {
				appending = false;
			}
			return PAUSE;
		}
	});
	const stopListening = app.onLogLine((line) => {
		if (line.level === 'debug' || line.source === OWN_SOURCE || appending) return;
		if (waiting.length >= MAX_WAITING || !audience.isThere()) return;
		waiting.push({ id: randomUUID(), ...line, timestamp: new Date().toISOString() });
	});
	return async () => {
		stopListening();
		audience.stop();
		await loop.stop();
	};
}
