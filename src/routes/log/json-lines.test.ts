import { expect, it } from 'vitest';
import { jsonLines } from './json-lines.ts';

const DATA =
	'{"a": 1, "my key": [true, {"b": "x, {y}: \\"z\\""}, [], 9007199254740993], "none": null, "": {}}';

it('shows each value on a line, with the path by which Postgres finds it', () => {
	const { lines, cut } = jsonLines(DATA);
	expect(cut).toBe(false);
	expect(
		lines.map(
			({ depth, key, value, comma, path }) =>
				`${'  '.repeat(depth)}${key === null ? '' : `${key}: `}${value}${comma ? ',' : ''} ${path ?? ''}`
		)
	).toEqual([
		'{ $',
		'  "a": 1, $.a',
		'  "my key": [ $."my key"',
		'    true, $."my key"[0]',
		'    { $."my key"[1]',
		'      "b": "x, {y}: \\"z\\"" $."my key"[1].b',
		'    }, ',
		'    [], $."my key"[2]',
		'    9007199254740993 $."my key"[3]',
		'  ], ',
		'  "none": null, $.none',
		'  "": {} $.""',
		'} '
	]);
	const text = lines.map(
		({ key, value, comma }) => `${key === null ? '' : `${key}:`}${value}${comma ? ',' : ''}`
	);
	expect(JSON.parse(text.join(''))).toEqual(JSON.parse(DATA));
});

it('shows data that is one value, that is nested deeply, and the first lines of much', () => {
	expect(jsonLines('"a"').lines).toMatchObject([{ value: '"a"', path: '$' }]);
	expect(jsonLines('[1, 2]').lines.map(({ path }) => path)).toEqual(['$', '$[0]', '$[1]', null]);
	const deep = jsonLines(`${'['.repeat(900)}1${']'.repeat(900)}`);
	expect(deep.lines).toHaveLength(1801);
	const long = jsonLines(`[${'1,'.repeat(5000)}1]`, 100);
	expect([long.lines.length, long.cut]).toEqual([100, true]);
});
