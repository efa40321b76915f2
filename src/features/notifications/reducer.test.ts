import { expect, test } from 'vitest';
import {
	initialNotifications,
	MAX_NOTIFICATIONS,
	reduceNotifications,
	type Notification
} from './reducer.ts';
import { SAMPLES } from './samples.ts';
import { sampleNotification } from './start.server.ts';
import { topics } from './topics.ts';

const entry = (n: number): Notification => ({
	id: String(n),
	type: 'info',
	message: `number ${n}`,
	timestamp: new Date(n * 1000).toISOString()
});
const history = Array.from({ length: MAX_NOTIFICATIONS + 30 }, (_, n) => ({
	topic: 'notifications' as const,
	data: entry(n)
}));

test('the newest of the notifications comes first, and the oldest leave', () => {
	const state = history.reduce(reduceNotifications, initialNotifications);
	expect(state.map(({ id }) => Number(id))).toEqual(
		Array.from({ length: 50 }, (_, i) => history.length - 1 - i)
	);
});

test('notifications begun on the server and continued in the browser are the same, wherever they are split', () => {
	const whole = history.reduce(reduceNotifications, initialNotifications);
	for (let k = 0; k <= history.length; k++) {
		const rendered = history.slice(0, k).reduce(reduceNotifications, initialNotifications);
		expect(history.slice(k).reduce(reduceNotifications, rendered)).toEqual(whole);
	}
});

test('a state that was handed out never changes', () => {
	const state = Object.freeze(
		history.slice(0, 3).reduce(reduceNotifications, initialNotifications)
	);
	const before = [...state];
	expect(reduceNotifications(state, { topic: 'notifications', data: entry(9) })).not.toBe(state);
	expect(state).toEqual(before);
	expect(initialNotifications).toEqual([]);
});

test('every sample is a payload that the topic accepts, and no two are the same', async () => {
	expect(SAMPLES.length).toBeGreaterThanOrEqual(20);
	const payloads = SAMPLES.map((_, slot) => sampleNotification(slot));
	for (const payload of payloads) {
		const result = await topics.notifications.schema['~standard'].validate(payload);
		expect(result).toMatchObject({ value: payload });
	}
	expect(new Set(payloads.map(({ message }) => message)).size).toBe(SAMPLES.length);
	expect(new Set(payloads.map(({ id }) => id)).size).toBe(SAMPLES.length);
});
