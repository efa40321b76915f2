/** The limits of an event. They are the same at both doors, and each error says what to do. */
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { createRegistry } from '../../src/lib/protocol/index.ts';
import { acceptEvents, encodeEvent } from '../../src/lib/server/log/accept.ts';
import type { NewEvent } from '../../src/lib/server/log/types.ts';
import { sql, topics, useEmptiedLog } from './emptied-log.ts';

useEmptiedLog();

const nested = (depth: number) => '['.repeat(depth) + '1' + ']'.repeat(depth);

const refused: [
	string,
	{ topic?: string; user?: string; data?: string; created?: string; key?: string }
][] = [
	['a topic that no index could hold', { topic: 'x'.repeat(201) }],
	['a topic without a name', { topic: '' }],
	['a key that no index could hold', { key: 'k'.repeat(201) }],
	['an empty key', { key: '' }],
	['a user who is everyone', { user: '' }],
	['a user whom no index could hold', { user: 'u'.repeat(201) }],
	[
		'data of 259,001 characters that is printed with 12 MB',
		{ data: `[${'1e308,'.repeat(43_166)}1e308]` }
	],
	['data of 2 MB', { data: JSON.stringify('x'.repeat(2_000_000)) }],
	['data that no page can show, because it is nested too deeply', { data: nested(5000) }],
	['a time without end', { created: 'infinity' }],
	['a time without beginning', { created: '-infinity' }],
	['a year for which Date has no text', { created: '294276-01-01' }],
	['a year before our time', { created: '0044-03-15 BC' }]
];

/** Inserts by SQL, as any program does. */
const insert = (
	door: 'events' | 'outbox',
	{ topic = 'a', user, data = '1', created = 'now', key }: (typeof refused)[number][1]
) =>
	door === 'outbox'
		? sql`insert into outbox (topic, user_id, data, created_at, key)
				values (${topic}, ${user ?? null}, ${data}::text::jsonb, ${created}::text::timestamptz, ${key ?? null})`
		: sql`insert into events (topic, user_id, data, created_at)
				values (${topic}, ${user ?? null}, ${data}::text::jsonb, ${created}::text::timestamptz)`;

describe.each(['events', 'outbox'] as const)('INSERT INTO %s', (door) => {
	test.each(refused.filter(([, row]) => door === 'outbox' || row.key === undefined))(
		'refuses %s, and says what to do',
		async (_, row) => {
			await expect(insert(door, row)).rejects.toMatchObject({
				code: '23514',
				constraint_name: `${door}_bounds_check`,
				hint: expect.stringMatching(/\w+.*\.$/) as string
			});
		}
	);

	test('takes what is just within the bounds', async () => {
		await insert(door, {
			topic: 'ü'.repeat(100),
			user: 'ü'.repeat(100),
			data: nested(199),
			created: '9999-12-31 23:59:59Z',
			...(door === 'outbox' && { key: '€'.repeat(200) })
		});
		await insert(door, { data: JSON.stringify('x'.repeat(1_048_574)), created: '0001-01-01Z' });
		if (door === 'outbox') await sql`select logline_relay()`;
		expect(await topics()).toHaveLength(2);
	});
});

test.each(refused.filter(([, row]) => row.key === undefined))(
	'a row that is changed afterwards is refused %s, too',
	async (_, row) => {
		await insert('events', {});
		const { topic = 'a', user = null, data = '1', created = '2026-01-02T03:04:05Z' } = row;
		await expect(sql`
			update events set topic = ${topic}, user_id = ${user}, data = ${data}::text::jsonb,
				created_at = ${created}::text::timestamptz`).rejects.toMatchObject({
			code: '23514',
			constraint_name: 'events_bounds_check'
		});
	}
);

test('a key is bounded where it is kept, too', async () => {
	for (const key of ['', 'k'.repeat(201)]) {
		await expect(
			sql`select logline_append(null, array['a'], array[null]::text[], array['1']::jsonb[], array[${key}])`
		).rejects.toMatchObject({ constraint_name: 'event_keys_bounds_check' });
	}
	expect(await topics()).toEqual([]);
});

test('an INSERT into outbox that names its own tx is refused, with a hint', async () => {
	await expect(
		sql`insert into outbox (tx, topic, data) values ('3', 'a', '1')`
	).rejects.toMatchObject({
		message: expect.stringContaining('given by the log') as string,
		hint: expect.stringContaining('Leave') as string
	});
	await sql`insert into outbox (tx, topic, data) values (pg_current_xact_id(), 'a', '1')`;
});

describe('an append', () => {
	const registry = createRegistry([
		{
			any: { schema: v.any() },
			tree: {
				schema: v.pipe(
					v.any(),
					v.transform((data) => JSON.parse(JSON.stringify(data)) as unknown)
				)
			}
		}
	]);
	const accept = (event: Partial<NewEvent>) =>
		acceptEvents(registry, [{ topic: 'any', data: 1, ...event }]);

	const itself: { self?: unknown } = {};
	itself.self = itself;

	test.each<[string, Partial<NewEvent>, string]>([
		['a number that JSON does not have', { data: 12n }, 'invalid_data'],
		['data that contains itself', { data: itself }, 'invalid_data'],
		['data that its schema cannot walk through', { topic: 'tree', data: itself }, 'invalid_data'],
		[
			'data that throws when it is written',
			{
				data: {
					toJSON: () => {
						throw new Error('no');
					}
				}
			},
			'invalid_data'
		],
		['data that is nested 200 deep', { data: JSON.parse(nested(200)) }, 'invalid_data'],
		[
			'data that is nested 100,000 deep',
			{ data: Array.from({ length: 100_000 }).reduce((inner) => [inner], 1) },
			'invalid_data'
		],
		[
			'numbers that are printed with 309 digits each',
			{ data: Array.from({ length: 43_000 }, () => 1e308) },
			'invalid_data'
		],
		[
			'numbers that are printed with 320 digits each',
			{ data: Array.from({ length: 20_000 }, () => -1.5e-307) },
			'invalid_data'
		],
		['NaN', { data: NaN }, 'invalid_data'],
		['an infinite number deep inside', { data: { a: [{ b: -Infinity }] } }, 'invalid_data'],
		['half a character in a key', { key: 'a\ud800' }, 'invalid_key'],
		['a key of 201 characters', { key: 'k'.repeat(201) }, 'invalid_key'],
		['the user who is everyone', { userId: '' }, 'invalid_user'],
		['a user id of 201 octets', { userId: 'u'.repeat(201) }, 'invalid_user'],
		['a user id with a NUL', { userId: 'u\0' }, 'invalid_user'],
		['half a character in a user id', { userId: 'u\ud800' }, 'invalid_user']
	])('refuses %s before it is queued', async (_, event, code) => {
		await expect(accept(event)).rejects.toMatchObject({ code, status: 400 });
	});

	test('says where a number is that would be stored as null', async () => {
		const data = { items: [{ price: 1 }, { price: null }, { price: 0 / 0 }] };
		await expect(accept({ data })).rejects.toMatchObject({
			code: 'invalid_data',
			index: 0,
			message:
				'The data of "any" has a number that JSON does not have: data.items[2].price is NaN. Send null or text instead.'
		});
	});

	test('refuses a topic that the table would refuse', () => {
		expect(() => encodeEvent({ topic: 'ü'.repeat(101), data: 1 })).toThrow('octets');
	});

	test.each<[string, Partial<NewEvent>]>([
		[
			'a few numbers that are printed with 309 digits',
			{ data: Array.from({ length: 3000 }, () => 1e308) }
		],
		['text that looks like such numbers', { data: Array.from({ length: 28_000 }, () => '1e+308') }],
		['null, and text about it', { data: { a: null, b: [null, 'null', 0], c: new Date(1) } }],
		['brackets in text', { data: '[{"'.repeat(300) + '\\' }],
		['data that is nested 199 deep', { data: JSON.parse(nested(199)) }],
		['a key of 200 characters, each of which is two to JavaScript', { key: '😀'.repeat(200) }]
	])('accepts %s, and the table does as well', async (_, event) => {
		const [accepted] = await accept(event);
		await insert('outbox', { data: accepted!.data, ...(accepted!.key && { key: accepted!.key }) });
		await sql`select logline_relay()`;
		expect(await topics()).toEqual(['a']);
	});
});
