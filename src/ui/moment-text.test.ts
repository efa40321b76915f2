import { describe, expect, it } from 'vitest';
import { ago, inFull, localClock, localDate, utcClock, utcDate } from './moment-text.ts';

const at = '2025-03-01T10:00:00.000Z';
const after = (seconds: number) => Date.parse(at) + seconds * 1000;

describe('a point in time', () => {
	it('is told on the server as UTC, whatever zone it was written in', () => {
		expect(utcClock('2025-03-01T12:30:05+02:00')).toBe('10:30:05');
		expect(utcDate('2025-03-01T00:30:05+02:00')).toBe('2025-02-28 22:30 UTC');
	});

	it.each([
		[3, 'now'],
		[14, '10 s'],
		[59, '50 s'],
		[60, '1 min'],
		[3599, '59 min'],
		[3600, '1 h'],
		[86_399, '23 h']
	])('%i seconds later is "%s" ago', (seconds, text) => {
		expect(ago(at, after(seconds))).toBe(text);
	});

	it('that lies ahead, because the clocks differ, is now', () => {
		expect(ago(at, after(-30))).toBe('now');
	});

	it('of another day comes with the day', () => {
		expect(ago(at, after(3 * 86_400))).toBe('1 Mar');
		expect(localClock(at, after(3 * 86_400))).toMatch(/^1 Mar \d\d:\d\d$/);
		expect(localDate(at)).toMatch(/^\d+ \w+ 2025, \d\d:\d\d$/);
		expect(localClock(at, after(1))).toMatch(/^\d\d:\d\d:\d\d$/);
	});

	it('that is none gives a dash, because any SQL client may publish', () => {
		for (const text of ['soon', '']) {
			const told = [
				utcClock(text),
				ago(text, 0),
				localClock(text, 0),
				utcDate(text),
				localDate(text)
			];
			expect(new Set(told)).toEqual(new Set(['–']));
			expect(inFull(text)).toBe(undefined);
		}
	});
});
