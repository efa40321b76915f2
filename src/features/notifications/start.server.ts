import { randomUUID } from 'node:crypto';
import type { StartFeature } from '$src/app/app.ts';
import { startTicker } from '$src/app/ticker.ts';
import type { Notification } from './reducer.ts';
import { SAMPLES } from './samples.ts';

const TOPIC = 'notifications';
const EVERY_MS = 3000;

/** Notifies users of sign-ins from new devices. With the demo on, also emits a notification about every three seconds. */
export const start: StartFeature = (app) => {
	const stopNotices = app.onNewDevice(async ({ user, description, key }) => {
		const message = `New sign-in from ${description}`;
		const data: Notification = { ...identity(), type: 'warning', message };
		await app.logline.emit({ event: TOPIC, userID: user.id, key, data });
	});
	if (!app.config.demo) return stopNotices;
	const stopTicker = startTicker({
		app,
		topic: TOPIC,
		everyMs: EVERY_MS,
		next: sampleNotification
	});
	return async () => {
		stopNotices();
		await stopTicker();
	};
};

const identity = () => ({ id: randomUUID(), timestamp: new Date().toISOString() });

/** Returns a sample notification. Rising counts go through all samples. */
export function sampleNotification(count: number): Notification {
	return { ...identity(), ...SAMPLES[count % SAMPLES.length]! };
}
