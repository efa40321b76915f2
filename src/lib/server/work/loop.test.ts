import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { pino } from 'pino';
import { startLoop, type Loop } from './loop.ts';

let lines: { level: number; msg: string; source: string }[];
let loop: Loop | undefined;
const logger = pino({}, { write: (text) => void lines.push(JSON.parse(text)) });

const start = (round: () => Promise<number>) => (loop = startLoop({ name: 'test', logger, round }));

beforeEach(() => {
	vi.useFakeTimers();
	lines = [];
});

afterEach(async () => {
	await loop?.stop();
	expect(vi.getTimerCount()).toBe(0);
	vi.useRealTimers();
});

test('rounds follow each other after the pause that each asks for', async () => {
	const at: number[] = [];
	const begin = Date.now();
	start(async () => {
		at.push(Date.now() - begin);
		return at.length * 100;
	});
	await vi.advanceTimersByTimeAsync(700);
	expect(at).toEqual([0, 100, 300, 600]);
});

test('a first round that can wait begins within seconds of the start, or at once when it is woken', async () => {
	const begin = Date.now();
	const first = async (after: (loop: Loop) => void) => {
		let at = -1;
		loop = startLoop({
			name: 'test',
			logger,
			later: true,
			round: async () => {
				at = Date.now() - begin;
				return Infinity;
			}
		});
		after(loop);
		await vi.advanceTimersByTimeAsync(5000);
		await loop.stop();
		return at;
	};
	const later = await first(() => {});
	expect(later).toBeGreaterThanOrEqual(2000);
	expect(later).toBeLessThanOrEqual(5000);
	expect(await first((loop) => loop.wake())).toBe(5000);
	expect(await first((loop) => void loop.stop())).toBe(-1);
});

test('waking ends the pause at once', async () => {
	let rounds = 0;
	start(async () => {
		rounds++;
		return Infinity;
	});
	await vi.advanceTimersByTimeAsync(3_600_000);
	expect(rounds).toBe(1);
	loop!.wake();
	await vi.advanceTimersByTimeAsync(0);
	expect(rounds).toBe(2);
});

test('waking during a round is not forgotten: another round follows it', async () => {
	let rounds = 0;
	let finish = () => {};
	start(async () => {
		rounds++;
		await new Promise<void>((resolve) => (finish = resolve));
		return Infinity;
	});
	loop!.wake();
	finish();
	await vi.advanceTimersByTimeAsync(0);
	expect(rounds).toBe(2);
	finish();
	await vi.advanceTimersByTimeAsync(1000);
	expect(rounds).toBe(2);
	const stopped = loop!.stop();
	finish();
	await stopped;
});

test('a long outage is told at once, once a minute while it lasts, and when it is over, with a growing pause between attempts', async () => {
	let rounds = 0;
	let away = true;
	start(async () => {
		rounds++;
		if (away) throw new Error('away');
		return 1000;
	});
	for (let s = 0; s < 600; s++) {
		loop!.wake();
		await vi.advanceTimersByTimeAsync(1000);
	}
	expect(rounds).toBeGreaterThan(300);
	expect(rounds).toBeLessThan(330);
	away = false;
	await vi.advanceTimersByTimeAsync(10_000);
	const told = lines.map(({ level, msg, source }) => `${source} ${level} ${msg}`);
	expect(told.pop()).toBe('test 30 goes on');
	expect(new Set(told)).toEqual(new Set(['test 40 failed; trying again']));
	expect(told.length).toBeGreaterThanOrEqual(9);
	expect(told.length).toBeLessThanOrEqual(11);
});

test('a failure that comes and goes is told once a minute, not each time', async () => {
	let rounds = 0;
	start(async () => {
		if (++rounds % 2 === 0) throw new Error('every other round');
		return 1000;
	});
	await vi.advanceTimersByTimeAsync(90_000);
	expect(rounds).toBeGreaterThan(100);
	expect(lines).toHaveLength(4);
});

test('stopping waits for the round under way, and none follows', async () => {
	let rounds = 0;
	let finish = () => {};
	start(async () => {
		rounds++;
		await new Promise<void>((resolve) => (finish = resolve));
		return 0;
	});
	let over = false;
	const stopped = loop!.stop().then(() => (over = true));
	await vi.advanceTimersByTimeAsync(1000);
	expect(over).toBe(false);
	finish();
	await stopped;
	await vi.advanceTimersByTimeAsync(1000);
	expect(rounds).toBe(1);
});

test('stopping ends a pause and a back-off', async () => {
	start(async () => Infinity);
	await vi.advanceTimersByTimeAsync(10);
	await loop!.stop();
	start(() => Promise.reject(new Error('away')));
	await vi.advanceTimersByTimeAsync(10);
	await loop!.stop();
});
