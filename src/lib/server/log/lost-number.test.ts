import { expect, test } from 'vitest';
import { findLostNumber } from './lost-number.ts';

test.each<[unknown, string, string]>([
	[NaN, 'NaN', 'data'],
	[{ a: { 'b c': [0, -Infinity] } }, '-Infinity', 'data.a["b c"][1]'],
	[[[], [{ x: 1, y: Infinity, z: NaN }]], 'Infinity', 'data[1][0].y'],
	[{ boxed: new Number(NaN) }, 'NaN', 'data.boxed'],
	[{ when: { toJSON: () => ({ in: NaN }) } }, 'NaN', 'data.when.in'],
	[{ ['k'.repeat(1000)]: NaN }, 'NaN', `data.${'k'.repeat(195)}…`]
])('a number that JSON does not have is found in %j, with its path', (value, number, path) => {
	expect(findLostNumber(value)).toEqual({ number, path });
});

test('an object that is in two places has the path of the place where it is read', () => {
	const shared = { n: 1 };
	expect(findLostNumber({ a: shared, b: shared, c: [shared, NaN] })?.path).toBe('data.c[1]');
	const bad = { n: NaN };
	expect(findLostNumber({ left: { toJSON: () => 1, bad }, right: [bad] })?.path).toBe(
		'data.right[0].n'
	);
});

test.each([
	[null],
	['null'],
	[{ a: null, b: [undefined, 0, -0, 1e308] }],
	[{ toJSON: () => null, n: NaN }]
])('null that was meant is not taken for one: %j', (value) => {
	expect(findLostNumber(value)).toBeNull();
});
