import { expect, it } from 'vitest';
import { toCsv, toJson } from './export.ts';
import { columnOf, indexOf, placeOf } from './result.ts';

const answer = {
	columns: [
		columnOf('id', 20),
		columnOf('say "hi"', 25),
		columnOf('data', 3802),
		columnOf('n', 1700),
		columnOf('yes', 16),
		columnOf('id', 25)
	],
	rows: [
		['9007199254740993', 'a "quote", and\na line', '{"a": 1e308}', '1.10', 't', 'x'],
		['1', '', 'null', 'NaN', 'f', null],
		[null, null, null, null, null, null]
	]
};

it('an export as CSV tells a text that is empty from one that is missing', () => {
	expect(toCsv(answer)).toBe(
		[
			'id,"say ""hi""",data,n,yes,id',
			'9007199254740993,"a ""quote"", and\na line","{""a"": 1e308}",1.10,t,x',
			'1,"",null,NaN,f,',
			',,,,,',
			''
		].join('\r\n')
	);
});

it('an export as JSON keeps every digit and every column', () => {
	const json = toJson(answer);
	expect(json).toContain(
		'{"id":9007199254740993,"say \\"hi\\"":"a \\"quote\\", and\\na line","data":{"a": 1e308},"n":1.10,"yes":true,"id 2":"x"}'
	);
	expect(JSON.parse(json)).toHaveLength(3);
	expect((JSON.parse(json) as unknown[]).slice(1)).toEqual([
		{ id: 1, 'say "hi"': '', data: null, n: 'NaN', yes: false, 'id 2': null },
		{ id: null, 'say "hi"': null, data: null, n: null, yes: null, 'id 2': null }
	]);
});

it('the place of a mistake is right behind characters that JavaScript counts as two', () => {
	const sql = "SELECT '😀😀',\n '😀' || nope";
	const at = indexOf(sql, [...sql].join('').replace(/😀/g, 'x').indexOf('nope') + 1);
	expect(sql.slice(at)).toBe('nope');
	expect(placeOf(sql, at)).toEqual({ line: 2, column: 9 });
});
