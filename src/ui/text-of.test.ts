import { expect, test } from 'vitest';
import { textOf, textsOf } from './text-of.ts';

test('what can be read is shown, and what cannot is left out', () => {
	const values: unknown[] = [
		'',
		'text',
		4.5,
		false,
		null,
		undefined,
		[1],
		{},
		{ toString: 1 },
		textOf
	];
	expect(values.map(textOf)).toEqual(['', 'text', '4.5', 'false', '', '', '', '', '', '']);
});

test('the fields of any payload are text', () => {
	const NONE = { text: '', id: '' };
	for (const data of [null, undefined, 7, 'text', [], [{ text: 'a' }], { text: {}, id: [] }]) {
		expect(textsOf(data, 'text', 'id')).toEqual(NONE);
	}
	expect(textsOf({ text: 'a', id: 7, more: 1 }, 'text', 'id')).toEqual({ text: 'a', id: '7' });
});
