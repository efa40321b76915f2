import { expect, test } from 'vitest';
import { newLines } from './new-lines.ts';

const lines = (from: number, to: number) =>
	Array.from({ length: to - from + 1 }, (_, i) => ({ id: String(from + i) }));

test('what has come since the reader looked away is counted, also in a list that keeps only so many lines', () => {
	expect(newLines(lines(1, 200), '200')).toBe('Latest');
	expect(newLines(lines(2, 201), '200')).toBe('1 new line');
	expect(newLines(lines(31, 230), '200')).toBe('30 new lines');
	expect(newLines(lines(301, 500), '200')).toBe('200+ new lines');
});

test('all lines are new where there was none', () => {
	expect([newLines([], null), newLines(lines(1, 1), null), newLines(lines(1, 3), null)]).toEqual([
		'Latest',
		'1 new line',
		'3 new lines'
	]);
});

test('a list whose lines were sent again has no new ones', () => {
	expect(newLines(structuredClone(lines(1, 9)), '9')).toBe('Latest');
});
