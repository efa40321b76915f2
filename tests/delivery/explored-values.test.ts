/** Searching by values in the data. The path comes from a stranger, and Postgres must not be harmed by it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LoglineError, type Viewer } from '../../src/lib/protocol/index.ts';
import type { ExploreFilter } from '../../src/lib/server/index.ts';
import { Random } from '../faults/random.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { liftBounds } from '../support/bounds.ts';

const SEED = Number(process.env.LOGLINE_SEED ?? 7);

let scene: Scene;
let viewer: Viewer;

const DATA = {
	name: 'Ada',
	größe: 3,
	'full name': 'Ada Lovelace',
	'a"b\\c': 'odd',
	'my-key': null,
	items: [{ id: 1 }, { id: 2, tags: ['x', ['y']] }],
	deep: { er: { id: 9 } },
	to: { exists: true }
};

beforeAll(async () => {
	scene = await openScene();
	viewer = { id: scene.user.id, name: scene.user.name };
	await scene.insert('a', DATA);
});
afterAll(() => scene.close());

const explore = (filter: ExploreFilter) => scene.server.app.logline.explore(viewer, filter);
const refusal = (filter: ExploreFilter) =>
	explore(filter).then(
		() => null,
		(error: unknown) => error
	);

test.each([
	['name', 'Ada'],
	['$.name', 'Ada'],
	['$.größe', '3'],
	['"full name"', 'Ada Lovelace'],
	['$."full name"', 'Ada Lovelace'],
	['$."a\\"b\\\\c"', 'odd'],
	['my-key', 'null'],
	['$.my-key', 'null'],
	['items[1].id', '2'],
	['$.items[*].id', '2'],
	['items.id', '2'],
	['$.items[1].tags[1][0]', 'y'],
	['$.**.id', '9'],
	['deep.**.id', '9'],
	['$.**."id"', '9'],
	['$.**.items[1].id', '2'],
	['$.**', 'Ada'],
	// Words of the language are names here.
	['to.exists', 'true']
])('finds a value at %s', async (path, value) => {
	expect((await explore({ where: [{ path, value }] })).events).toHaveLength(1);
	expect((await explore({ where: [{ path, value: 'none' }] })).events).toHaveLength(0);
});

test.each([
	['a method that makes values, again and again', `$${'.keyvalue()'.repeat(15)}`],
	['any depth, twice', '$.**.**'],
	['any depth, twice, apart', '$.**.a.**'],
	['any depth, then all items again and again', `$.**${'[*]'.repeat(15)}`],
	['any depth, then the first item', '$.**[0]'],
	['a range of depths', '$.**{1 to last}'],
	['a variable that is unknown', '$x'],
	['a variable that is known', '$.a ? (@ == $text)'],
	['a filter', '$.** ? (@.** ? (@.** == 1) == 1)'],
	['a regular expression', '$.a ? (@ like_regex "^(a+)+$")'],
	['arithmetic', '$.a + 1e999999'],
	['a range of items', '$.items[0 to 2147483647]'],
	['an index that is computed', '$.items[last]'],
	['an index that no list has', '$.items[99999999999]'],
	['an index that is no number of JSON', 'items[007]'],
	['a mode', 'strict $.a'],
	['a name without a dot', '$name'],
	['an empty step', 'a..b'],
	['an open bracket', '$.a['],
	['an open quote', '$."a'],
	['a half of a character', '$."\\ud800"'],
	['a NUL', '$."\\u0000"'],
	['the end of a literal', "$'); drop table events; --"],
	['nothing', ''],
	['too many steps', `$${'.a'.repeat(33)}`],
	['too many characters', `$.${'a'.repeat(199)}`]
])('%s is refused before Postgres hears of it, with a sentence', async (_what, path) => {
	const from = performance.now();
	const refused = await refusal({ where: [{ path, value: 'x' }] });
	expect(performance.now() - from).toBeLessThan(200);
	expect(refused).toBeInstanceOf(LoglineError);
	expect(refused).toMatchObject({ code: 'invalid_filter', status: 400 });
});

test('a refused path is told what is allowed', async () => {
	expect(String(await refusal({ where: [{ path: '$.a.size()', value: 'x' }] }))).toContain(
		'Steps are .name, ."any name", [0], [*], and once .** for any depth'
	);
});

test('whatever is asked, the answer is a page or a clear refusal, never a failure of the server', async () => {
	const random = new Random(SEED);
	const pieces = [
		...[
			'$',
			'.',
			'..',
			'.**',
			'*',
			'[',
			']',
			'[*]',
			'[0]',
			'[-1]',
			'[last]',
			'0',
			'1e99',
			'"',
			"'"
		],
		...[
			'\\',
			'\\u0000',
			'\\ud800',
			'\\x41',
			'\n',
			'\0',
			'\ud800',
			'😀',
			'ß',
			' ',
			'(',
			')',
			'?',
			'@'
		],
		...[
			'name',
			'items',
			'."full name"',
			'.id',
			'$text',
			'$json',
			'keyvalue()',
			'.size()',
			'to',
			'{1}'
		],
		...[
			'==',
			'||',
			'&&',
			'!',
			'-',
			'+',
			'/',
			'%',
			':',
			'::',
			',',
			'`',
			'true',
			'null',
			'strict ',
			'lax '
		]
	];
	const text = () => {
		const length = random.between(0, 6);
		return Array.from({ length }, () => random.pick(pieces)).join('');
	};
	const values = [
		'1',
		'-0',
		'1e999',
		'-1E-999',
		'0.1',
		'1e',
		'00',
		'true',
		'null',
		'{}',
		'"',
		'\\'
	];
	let found = 0;
	for (let i = 0; i < 1500; i++) {
		const path = random.pick([text(), `$${text()}`, `name${text()}`, `$.items${text()}`]);
		const value = random.chance(0.5) ? random.pick(values) : text();
		const where = [{ path, value }];
		const refused = await refusal(random.chance(0.8) ? { where } : { where, text: text() });
		if (refused === null) found++;
		else expect(refused, JSON.stringify(where)).toMatchObject({ code: 'invalid_filter' });
	}
	expect(found).toBeGreaterThan(100);
});

test('an event with more than a megabyte of data is listed, and neither its text nor its values are searched', async () => {
	// Older versions accepted such events.
	await liftBounds(scene.sql);
	await scene.sql`
		insert into events (topic, data)
		select 'b', jsonb_build_object('needle', 1, 'rest', repeat('x', size)) from unnest(array[1000000, 1100000]) as size`;
	const count = async (filter: ExploreFilter) =>
		(await explore({ ...filter, topics: ['b'] })).events.length;
	expect(await count({})).toBe(2);
	expect(await count({ text: 'needle' })).toBe(1);
	expect(await count({ where: [{ path: 'needle', value: '1' }] })).toBe(1);
	expect(await count({ where: [{ path: 'needle', value: '1' }], text: 'needle' })).toBe(1);
});
