import { randomUUID } from 'node:crypto';
import type { StartFeature } from '$lib/server/app.ts';
import { startTicker } from '$lib/server/ticker.ts';
import { showOwnLines } from './own-lines.server.ts';
import type { LogEntry } from './reducer.ts';
import { SAMPLES } from './samples.ts';

const EVERY_MS = 2000;

/** With the demo on: a made-up line about every two seconds, and between them what this application itself logs. */
export const start: StartFeature = (app) => {
	if (!app.config.demo) return () => {};
	const stopTicker = startTicker({ app, topic: 'logs', everyMs: EVERY_MS, next: sampleLogEntry });
	const stopOwnLines = showOwnLines(app);
	return async () => {
		await Promise.all([stopTicker(), stopOwnLines()]);
	};
};

/** A made-up log line. Slots that follow each other go through all samples. */
export function sampleLogEntry(slot: number): LogEntry {
	const sample = SAMPLES[slot % SAMPLES.length]!;
	return { id: randomUUID(), ...sample, timestamp: new Date().toISOString() };
}
