/** `npm run check:events`, as a user at a terminal sees it; and `upcast`, which makes old events fit. */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createRegistry } from '../../src/lib/protocol/index.ts';
import { createLogline } from '../../src/lib/server/index.ts';
import { checkEvents } from '../../src/lib/server/log/check-events.ts';
import { command, type Outcome } from '../support/command.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { queryable } from '../support/queryable.ts';

// Each test starts programs, on a machine that may be busy.
vi.setConfig({ testTimeout: 240_000 });

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 1, name: 'test sql' });
});
afterAll(async () => {
	await sql.end();
	await database.drop();
});
beforeEach(() => sql`truncate events`);

async function add(topic: string, data: unknown): Promise<string> {
	const [row] = await sql<{ id: string }[]>`
		insert into events (topic, data) values (${topic}, ${sql.json(data as never)}) returning id::text`;
	return row!.id;
}

const line = { id: '1', text: 'Hello', sender: 'Odile' };

describe('npm run check:events', () => {
	/** A copy of the sources, whose declarations a test may change. */
	let copy: string;
	const file = 'src/features/chat/topics.ts';

	beforeAll(async () => {
		copy = await mkdtemp(join(tmpdir(), 'logline-check-'));
		for (const name of [
			'src',
			'drizzle',
			'migrations',
			'package.json',
			'tsconfig.json',
			'.svelte-kit'
		]) {
			await cp(name, join(copy, name), { recursive: true });
		}
		await symlink(resolve('node_modules'), join(copy, 'node_modules'));
	});
	afterAll(() => rm(copy, { recursive: true, force: true }));

	const check = (...args: string[]): Promise<Outcome> =>
		command('check-events', args, { cwd: copy, env: { DATABASE_URL: database.url } });
	async function declare(change: (source: string) => string): Promise<void> {
		await writeFile(join(copy, file), change(await readFile(file, 'utf8')));
	}

	it('names the first event that does not fit after an incompatible change, and passes with an upcast', async () => {
		const first = await add('message', line);
		await add('message', line);
		await add('message', { ...line, mood: 'calm' });
		await add('reset', { id: '2' });
		const fits = await check();
		expect(fits.out).toBe('4 events fit.\n');
		expect(fits.code).toBe(0);

		const [schema, changed] = [
			'schema: v.object({ ...line, isMe: v.optional(v.boolean()) })',
			'schema: v.object({ ...line, mood: v.string() })'
		];
		await declare((source) => {
			expect(source).toContain(schema);
			return source.replace(schema, changed);
		});
		const broken = await check();
		expect(broken.out).toMatch(
			new RegExp(
				`^message: event ${first} does not fit: mood: .*Expected "mood".* 1 later ones do not fit either\\.\n`
			)
		);
		expect(broken.code).toBe(1);
		expect((await check('--topic', 'reset')).code).toBe(0);
		const later = await check('--from', String(BigInt(first) + 2n));
		expect(later.out).toBe('2 events fit.\n');

		await declare((source) =>
			source.replace(
				schema,
				`${changed}, upcast: (data) => ({ mood: 'unknown', ...(data as v.InferOutput<v.ObjectSchema<typeof line, undefined>>) })`
			)
		);
		const upcast = await check();
		expect(upcast.out).toBe('4 events fit.\n');
		expect(upcast.code).toBe(0);
	});

	it('says what is wrong with the command line', async () => {
		const topic = await check('--topic', 'nothing');
		expect(topic.err).toMatch(/There is no topic "nothing"\. Topics: .*message/);
		expect(topic.code).toBe(2);
		expect((await check('--from', 'x')).err).toContain('--from is the id of an event');
	});
});

describe('every stored event is checked', () => {
	const registry = createRegistry([
		{
			orders: { schema: v.object({ items: v.array(v.object({ count: v.number() })) }) },
			'rooms/[room]/messages': { schema: v.object({ text: v.string() }), access: 'granted' },
			odd: {
				schema: v.any(),
				upcast: () => {
					throw new Error('cannot');
				}
			}
		}
	]);
	const checked = (options: Parameters<typeof checkEvents>[2] = {}) =>
		checkEvents(queryable(sql), registry, options);

	beforeEach(() => sql`truncate topics, log_topics`);

	it('and of each declaration the first that does not fit is named, with the place and the reason', async () => {
		await add('orders', { items: [] });
		const order = await add('orders', { items: [{ count: 1 }, { count: 'many' }] });
		const message = await add('rooms/1/messages', {});
		await add('rooms/2/messages', { text: 1 });
		const odd = await add('odd', 1);
		const gone = await add('gone', 1);
		const found = await checked();
		expect(found).toMatchObject({ checked: 5, undeclared: { count: 1, id: gone, topic: 'gone' } });
		expect(found.misfits).toEqual([
			expect.objectContaining({ declared: 'orders', id: order, path: 'items.1.count', count: 1 }),
			expect.objectContaining({
				declared: 'rooms/[room]/messages',
				id: message,
				topic: 'rooms/1/messages',
				count: 2
			}),
			expect.objectContaining({
				declared: 'odd',
				id: odd,
				message: 'The upcast or the schema throws: Error: cannot'
			})
		]);
	});

	it('in pages that are bounded, with holes between the ids, and none is left out', async () => {
		await sql`insert into events (topic, data) select 'orders', '{"items": []}' from generate_series(1, 3000)`;
		await sql`insert into events (topic, data) select 'orders', jsonb_build_object('items', '[]'::jsonb, 'more', repeat('x', 900000)) from generate_series(1, 8)`;
		await sql`select setval('events_id_seq', (select last_value + 3000000 from events_id_seq))`;
		await sql`insert into events (topic, data) select 'orders', '{"items": []}' from generate_series(1, 500)`;
		const last = await add('orders', 'not an order');
		let pages = 0;
		const found = await checked({ onPage: () => pages++ });
		expect(found.checked).toBe(3509);
		expect(found.misfits).toMatchObject([{ id: last }]);
		expect(pages).toBeGreaterThan(5);
		expect(pages).toBeLessThan(40);
	});
});

describe('a page', () => {
	it('is rendered with what the upcast makes of old events, and one that throws harms no other', async () => {
		const errors: unknown[] = [];
		const silent = {
			info: () => {},
			warn: () => {},
			error: (about: unknown) => void errors.push(about)
		};
		const logger = { ...silent, child: () => logger };
		const upcast = (data: unknown) => {
			const { total, sum } = data as { total?: number; sum?: { euro: number } };
			return { total: total ?? sum!.euro };
		};
		const topics = { orders: { schema: v.object({ total: v.number() }), upcast } };
		const logline = createLogline({ url: database.url, logger: logger as never, topics });
		await logline.start();
		try {
			await add('orders', { sum: { euro: 5 } });
			await add('orders', {});
			await add('orders', { total: 7 });
			const { events } = await logline.read({ id: 'ada' }, ['orders' as never]);
			expect(events.map(({ data }: { data: unknown }) => data)).toEqual([
				{ total: 5 },
				{},
				{ total: 7 }
			]);
			expect(errors).toHaveLength(1);
		} finally {
			await logline.stop();
		}
	});
});
