import { expect, it } from 'vitest';
import { elapsed, rowTime } from './row-time.ts';

it('shows the day only where it is not today', () => {
	const iso = '2026-01-31T12:34:56.789Z';
	expect(rowTime(iso, 'utc', null)).toBe('2026-01-31 12:34:56.789');
	expect(rowTime(iso, 'utc', new Date(iso))).toBe('12:34:56.789');
	expect(rowTime('infinity', 'local', null)).toBe('infinity');
});

it.each([
	[0, '+0 ms'],
	[999, '+999 ms'],
	[1250, '+1.3 s'],
	[59_400, '+59 s'],
	[90_000, '+1 min'],
	[7_300_000, '+2 h'],
	[200_000_000, '+2 d'],
	[-1500, '−1.5 s']
])('says that %i ms have passed: %s', (ms, text) => {
	const at = Date.parse('2026-01-31T12:00:00Z');
	expect(elapsed(new Date(at + ms).toISOString(), new Date(at).toISOString())).toBe(text);
	expect(elapsed('infinity', new Date(at).toISOString())).toBe('');
});
