import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Watchdog, type Doubt } from './watchdog.ts';

const onDead = vi.fn();

beforeEach(() => {
	vi.useFakeTimers();
	onDead.mockReset();
});
afterEach(() => {
	vi.useRealTimers();
});

/** Sends a keep-alive every `interval` milliseconds. */
function keepAlives(watchdog: Watchdog, interval: number, times: number): void {
	for (let i = 0; i < times; i++) {
		vi.advanceTimersByTime(interval);
		watchdog.heardKeepAlive();
	}
}

describe('the watchdog', () => {
	it('gives a silent connection three usual intervals, and speaks once', () => {
		new Watchdog(onDead).start();
		vi.advanceTimersByTime(44_999);
		expect(onDead).not.toHaveBeenCalled();
		vi.advanceTimersByTime(1);
		expect(onDead).toHaveBeenCalledTimes(1);
		vi.advanceTimersByTime(600_000);
		expect(onDead).toHaveBeenCalledTimes(1);
		expect(vi.getTimerCount()).toBe(0);
	});

	it('is content with any event', () => {
		const watchdog = new Watchdog(onDead);
		watchdog.start();
		for (let i = 0; i < 20; i++) {
			vi.advanceTimersByTime(40_000);
			watchdog.heard();
		}
		expect(onDead).not.toHaveBeenCalled();
		vi.advanceTimersByTime(45_000);
		expect(onDead).toHaveBeenCalledTimes(1);
	});

	it('learns that the server speaks more often, and notices sooner', () => {
		const watchdog = new Watchdog(onDead);
		watchdog.start();
		keepAlives(watchdog, 5_000, 4);
		expect(watchdog.timeout).toBe(15_000);
		vi.advanceTimersByTime(14_999);
		expect(onDead).not.toHaveBeenCalled();
		vi.advanceTimersByTime(20_000); // the timer may have been set before it learned the interval
		expect(onDead).toHaveBeenCalledTimes(1);
	});

	it('never thinks 10 seconds of silence too long', () => {
		const watchdog = new Watchdog(onDead);
		watchdog.start();
		keepAlives(watchdog, 50, 10);
		expect(watchdog.timeout).toBe(10_000);
	});

	it('does not take two keep-alives that were held up together for a shorter interval', () => {
		const watchdog = new Watchdog(onDead);
		watchdog.start();
		keepAlives(watchdog, 15_000, 3);
		watchdog.heardKeepAlive();
		expect(watchdog.timeout).toBe(45_000);
	});

	it('becomes patient with a server that speaks rarely, instead of reconnecting for ever', () => {
		const watchdog = new Watchdog(onDead);
		const interval = 240_000;
		let connections = 0;
		onDead.mockImplementation(() => connect());
		const connect = () => {
			connections += 1;
			watchdog.start();
			watchdog.heard();
		};
		connect();
		while (connections < 10 && watchdog.timeout < interval)
			vi.advanceTimersByTime(watchdog.timeout);
		const before = connections;
		keepAlives(watchdog, interval, 5);
		expect(connections).toBe(before);
		expect(watchdog.timeout).toBe(3 * interval);
	});

	it('gives events that waited while the machine slept a moment to arrive', () => {
		const watchdog = new Watchdog(onDead);
		watchdog.start();
		vi.setSystemTime(Date.now() + 3_600_000);
		vi.advanceTimersByTime(watchdog.patience);
		expect(watchdog.overdue).toBe(true);
		expect(onDead).not.toHaveBeenCalled();
		vi.advanceTimersByTime(1_000);
		watchdog.heard();
		vi.advanceTimersByTime(44_000);
		expect(onDead).not.toHaveBeenCalled();
	});

	it('waits only once for them', () => {
		const watchdog = new Watchdog(onDead);
		watchdog.start();
		vi.setSystemTime(Date.now() + 3_600_000);
		vi.advanceTimersByTime(watchdog.patience);
		vi.setSystemTime(Date.now() + 3_600_000);
		vi.advanceTimersByTime(5_000);
		expect(onDead).toHaveBeenCalledTimes(1);
	});

	it('keeps to the time it was given, and to none when that is 0', () => {
		new Watchdog(onDead, 300).start();
		vi.advanceTimersByTime(300);
		expect(onDead).toHaveBeenCalledTimes(1);
		new Watchdog(onDead, 0).start();
		expect(vi.getTimerCount()).toBe(0);
	});

	it('suspects an open connection that missed one keep-alive, until it hears of it again', () => {
		const doubts: [number, Doubt | null][] = [];
		const begin = Date.now();
		const watchdog = new Watchdog(onDead, undefined, (doubt) => {
			doubts.push([Date.now() - begin, doubt]);
		});
		watchdog.start();
		watchdog.heard();
		keepAlives(watchdog, 15_000, 4);
		vi.advanceTimersByTime(30_000);
		watchdog.heard();
		vi.advanceTimersByTime(45_000);
		expect(doubts.map(([, doubt]) => doubt)).toEqual(['quiet', null, 'quiet', null]);
		// One interval after the last sign of life, plus a quarter of it for the delay.
		expect(doubts[0]![0]).toBeGreaterThanOrEqual(60_000 + 18_750);
		expect(doubts[0]![0]).toBeLessThan(60_000 + 2 * 18_750);
		expect(onDead).toHaveBeenCalledTimes(1);
	});

	it('does not suspect a connection that has not opened', () => {
		const onSuspect = vi.fn();
		new Watchdog(onDead, undefined, onSuspect).start();
		vi.advanceTimersByTime(44_000);
		expect(onSuspect).not.toHaveBeenCalled();
	});

	it('leaves no timer behind', () => {
		const watchdog = new Watchdog(onDead);
		watchdog.start();
		watchdog.start();
		watchdog.stop();
		expect(vi.getTimerCount()).toBe(0);
		expect(watchdog.overdue).toBe(false);
	});
});
