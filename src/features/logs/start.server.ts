import { randomUUID } from 'node:crypto';
import type { StartFeature } from '$src/app/app.ts';
import { startTicker } from '$src/app/ticker.ts';
import { showOwnLines } from './own-lines.server.ts';
import type { LogEntry } from './reducer.ts';
import { SAMPLES } from './samples.ts';

const EVERY_MS = 2000;

/** With the demo on: a sample line about every two seconds, and the log lines of this application. */
export const start: StartFeature = (app) => {
	if (!app.config.demo) return () => {};
	const stopTicker = startTicker({ app, topic: 'logs', everyMs: EVERY_MS, next: sampleLogEntry });
	const stopOwnLines = showOwnLines(app);
	return async () => {
		await Promise.all([stopTicker(), stopOwnLines()]);
	};
};

/** Returns a sample log line. Rising counts go through all samples. */
export function sampleLogEntry(count: number): LogEntry {
	const sample = SAMPLES[count % SAMPLES.length]!;
	return { id: randomUUID(), ...sample, timestamp: new Date().toISOString() };
}
