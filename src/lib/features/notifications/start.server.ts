import { randomUUID } from 'node:crypto';
import type { StartFeature } from '$lib/server/app.ts';
import { startTicker } from '$lib/server/ticker.ts';
import type { Notification } from './reducer.ts';
import { SAMPLES } from './samples.ts';

const EVERY_MS = 3000;

/** With the demo on: a notification about every three seconds, for everyone who watches. */
export const start: StartFeature = (app) => {
	if (!app.config.demo) return () => {};
	return startTicker({ app, topic: 'notifications', everyMs: EVERY_MS, next: sampleNotification });
};

/** A made-up notification. Slots that follow each other go through all samples. */
export function sampleNotification(slot: number): Notification {
	const sample = SAMPLES[slot % SAMPLES.length]!;
	return { id: randomUUID(), ...sample, timestamp: new Date().toISOString() };
}
