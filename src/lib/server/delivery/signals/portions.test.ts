import { expect, test } from 'vitest';
import { portionsOf } from './portions.ts';

const signal = (topic: string, n: number) => ({ topic, userId: null, json: String(n) });

test('every signal is in one portion, those of a topic together and in their order', () => {
	const signals = Array.from({ length: 100 }, (_, n) => signal(`rooms/${n % 7}/typing`, n));
	const portions = [...portionsOf(signals, 20)];
	expect(portions.length).toBeGreaterThan(1);
	for (const topic of new Set(signals.map((one) => one.topic))) {
		const holders = portions.filter((portion) => portion.some((one) => one.topic === topic));
		expect(holders).toHaveLength(1);
		expect(holders[0]!.filter((one) => one.topic === topic)).toEqual(
			signals.filter((one) => one.topic === topic)
		);
	}
	expect(portions.flat()).toHaveLength(100);
});

test('no portion is larger than its size and one topic', () => {
	const signals = Array.from({ length: 100 }, (_, n) => signal(`rooms/${n % 10}/typing`, n));
	for (const portion of portionsOf(signals, 25)) expect(portion.length).toBeLessThan(25 + 10);
});

test('nothing is cut into nothing', () => {
	expect([...portionsOf([], 20)]).toEqual([]);
});
