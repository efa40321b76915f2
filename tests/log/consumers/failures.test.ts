/** Events that a consumer cannot handle: they hurt themselves, and not those behind them. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { migrate } from '../../../drizzle/migrate.ts';
import { openDatabase } from '../../../src/app/database.ts';
import { openClient } from '../../../src/app/driver-client.ts';
import type { Topic } from '../../../src/lib/protocol/index.ts';
import type { ConsumedEvent } from '../../../src/lib/server/index.ts';
import { startServer } from '../../support/private-server.ts';
import { startProxy } from '../../support/proxy.ts';
import { until } from '../../support/until.ts';
import { openStand, type Stand } from './stand.ts';

const PROCESS = fileURLToPath(new URL('./consumer-process.ts', import.meta.url));

let stand: Stand;
const children = new Set<ChildProcess>();
beforeEach(async () => {
	stand = await openStand();
});
afterEach(async () => {
	for (const child of children) child.kill('SIGKILL');
	children.clear();
	await stand.close();
});

const handled = (count: number) =>
	until(async () => (await stand.seen()).length >= count, {
		what: `${count} events are handled`,
		timeoutMs: 20_000
	});
const failures = () => stand.sql<{ id: string; attempts: number; error: string }[]>`
	select event_id as id, attempts, error from consumer_failures order by event_id`;
const dead = () => stand.sql<{ consumer: string; data: unknown; error: string; topic: string }[]>`
	select consumer, data, error, topic from dead_letters order by id`;

/** Batches begun where the last one began. */
const begun = async () =>
	(await stand.sql`select begun from consumers where topic = '$begun'`)[0]!.begun as number;

describe('an event that its handler refuses', () => {
	test('is tried again, later each time, then set aside, and the others are handled meanwhile', async () => {
		const at: number[] = [];
		stand.consume(await stand.logline(), ['a'], {
			attempts: 4,
			backOffMs: 200,
			before: ({ data }: { data: unknown }) => {
				if (data !== 'bad') return;
				at.push(performance.now());
				throw new Error('this one never works');
			}
		});
		await stand.append('a', 1, 'bad', 2);
		await handled(2);
		await stand.append('a', 3);
		await handled(3);
		await until(async () => (await dead()).length === 1, { what: 'it is set aside' });
		expect(await stand.seen()).toEqual([1, 2, 3]);
		expect([...(await dead())]).toEqual([
			{ consumer: 'test', topic: 'a', data: 'bad', error: 'Error: this one never works' }
		]);
		expect(at).toHaveLength(4);
		const pauses = at.slice(1).map((moment, i) => moment - at[i]!);
		for (const [i, pause] of pauses.entries()) expect(pause).toBeGreaterThan(200 * 2 ** i * 0.95);
		expect(await failures()).toHaveLength(0);
		expect(stand.lines.join()).toContain('set aside');
	});

	test('is handled at last when its cause is over, once', async () => {
		let works = false;
		stand.consume(await stand.logline(), ['a'], {
			backOffMs: 100,
			before: () => {
				if (!works) throw new Error('the other service is away');
			}
		});
		await stand.append('a', 1, 2, 3);
		await until(async () => (await failures()).length === 3);
		works = true;
		await handled(3);
		await until(async () => (await failures()).length === 0);
		expect((await stand.seen()).sort()).toEqual([1, 2, 3]);
	});

	test('because its transaction is refused at the commit, does not stop the others', async () => {
		await stand.sql`create table parents (id text primary key)`;
		await stand.sql`create table children (parent text references parents deferrable initially deferred)`;
		stand.consume(await stand.logline(), ['a'], {
			attempts: 2,
			backOffMs: 50,
			before: async ({ data }: { data: unknown }, tx) => {
				if (data === 'bad') await tx.execute(`insert into children values ('nobody')`);
			}
		});
		await stand.append('a', 1, 'bad', 2);
		await handled(2);
		await until(async () => (await dead()).length === 1, { timeoutMs: 20_000 });
		expect(await stand.seen()).toEqual([1, 2]);
		expect((await dead())[0]).toMatchObject({ data: 'bad' });
	});

	test('because it never ends, is given up, and the others are handled', async () => {
		stand.consume(await stand.logline(), ['a'], {
			timeoutMs: 150,
			attempts: 2,
			backOffMs: 50,
			before: ({ data }: { data: unknown }) => data === 'endless' && new Promise(() => {})
		});
		await stand.append('a', 1, 'endless', 2);
		await handled(2);
		await until(async () => (await dead()).length === 1);
		expect((await dead())[0]!.error).toContain('has not ended');
		expect((await stand.seen()).sort()).toEqual([1, 2]);
	});
});

describe('an event that ends its process', () => {
	test('is set aside after its attempts, and the others are handled, once', async () => {
		let deaths = 0;
		let over = false;
		await stand.append('a', ...Array.from({ length: 20 }, (_, i) => i), 'exit');
		await stand.append('a', ...Array.from({ length: 20 }, (_, i) => 20 + i));
		const restart = async () => {
			while (!over) {
				const child = fork(PROCESS, [stand.url, '3', '50'], { execArgv: ['--import', 'tsx'] });
				children.add(child);
				const [code] = (await once(child, 'exit')) as [number | null];
				children.delete(child);
				if (code === 3) deaths++;
			}
		};
		const restarting = restart();
		await until(async () => (await dead()).length === 1, {
			timeoutMs: 50_000,
			what: 'it is set aside'
		});
		await handled(40);
		over = true;
		for (const child of children) child.kill('SIGKILL');
		await restarting;
		expect((await stand.seen()).sort((a, b) => Number(a) - Number(b))).toEqual(
			Array.from({ length: 40 }, (_, i) => i)
		);
		expect((await dead())[0]).toMatchObject({ data: 'exit', consumer: 'test' });
		expect(deaths).toBeGreaterThanOrEqual(3);
		expect(deaths).toBeLessThanOrEqual(8);
	}, 90_000);
});

describe('failures that are not the event’s', () => {
	test('a connection that is cut, at any moment, neither doubles nor sets aside', async () => {
		const proxy = await startProxy(Number(new URL(stand.url).port || 5432));
		const through = new URL(stand.url);
		through.hostname = '127.0.0.1';
		through.port = String(proxy.port);
		const app = openDatabase(through.href, { name: 'application' });
		stand.consume(await stand.logline(), ['a'], {
			transaction: (work) => app.db.transaction(work as never)
		});
		try {
			for (let n = 0; n < 40; n++) {
				await stand.append('a', n);
				await new Promise((resolve) => setTimeout(resolve, Math.random() * 15));
				proxy.cut();
			}
			await handled(40);
			expect(await stand.seen()).toEqual(Array.from({ length: 40 }, (_, i) => i));
			expect(await failures()).toHaveLength(0);
			expect(await dead()).toHaveLength(0);
		} finally {
			await app.end();
			await proxy.close();
		}
	});

	test.each([
		['while a handler runs', /^RELEASE/],
		['before its savepoint', /^SAVEPOINT/],
		['after its last handler', /^UPDATE/],
		['before a failure is noted', /consumer_failures/]
	] as const)(
		'a client that goes on outside of a lost transaction, %s, commits nothing of ours',
		async (_when, lost) => {
			const [first, second] = [1, 2].map((n) =>
				openClient(stand.url, { max: 1, name: `lost ${n}` })
			);
			let on = first!;
			let isLost = false;
			const tx = {
				query: async (text: string) => {
					if (!isLost && lost.test(text.trim())) {
						isLost = true;
						await first!.unsafe('rollback');
						on = second!; // As postgres.js does: without a word, on another connection.
					}
					return on.unsafe(text);
				}
			};
			const transaction = async (work: (own: typeof tx) => Promise<void>) => {
				await on.unsafe('begin');
				// A commit outside of a transaction is only a warning.
				await work(tx).then(
					() => on.unsafe('commit'),
					async (error: unknown) => {
						await on.unsafe('rollback');
						throw error;
					}
				);
			};
			const logline = await stand.logline();
			const bad = lost.source.includes('failures');
			logline.consume(
				'test',
				['a'] as unknown as Topic[],
				async ({ id }: ConsumedEvent<Topic>, { query }: typeof tx) => {
					if (bad && id === '1' && !isLost) throw new Error('not now');
					await query(`insert into seen (name, data) values ('test', '${id}')`);
				},
				{ transaction }
			);
			try {
				await stand.append('a', 1, 2);
				await handled(2);
				expect(isLost).toBe(true);
				expect(await stand.seen()).toEqual([1, 2]);
				expect(await failures()).toHaveLength(0);
			} finally {
				await logline.stop();
				await Promise.all([first!.end(), second!.end()]);
			}
		}
	);

	test('an outage of Postgres sets nothing aside, and costs no attempt', async () => {
		const server = await startServer();
		await migrate(server.url);
		const own = await openStand(server.url);
		const app = openDatabase(server.url, { name: 'application' });
		try {
			const consumer = own.consume(await own.logline(), ['a'], {
				attempts: 2,
				transaction: (work) => app.db.transaction(work as never),
				before: () => new Promise((resolve) => setTimeout(resolve, 20))
			});
			const [first] = [own.append('a', ...Array.from({ length: 30 }, (_, i) => i))];
			await first;
			for (let outage = 0; outage < 3; outage++) {
				await until(async () => (await own.seen()).length > outage * 10);
				await server.kill9();
				await until(() => consumer.failing, { what: 'the consumer notices' });
				await server.start();
				await own
					.append('a', ...Array.from({ length: 30 }, (_, i) => 30 * (outage + 1) + i))
					.catch(() => undefined);
			}
			const count = async () =>
				Number((await own.sql`select count(*) as n from events where topic = 'a'`)[0]!.n);
			await until(async () => (await own.seen()).length >= (await count()), { timeoutMs: 30_000 });
			const events = await own.sql`select data from events where topic = 'a' order by id`;
			expect(await own.seen()).toEqual(events.map(({ data }) => data as number));
			expect(await own.sql`select from consumer_failures`).toHaveLength(0);
			expect(await own.sql`select from dead_letters`).toHaveLength(0);
		} finally {
			await own.close();
			await app.end();
			await server.remove();
		}
	}, 120_000);
});

describe('the end of a Logline', () => {
	test('waits for the handler that runs, and keeps what it has done', async () => {
		const logline = await stand.logline({ graceMs: 8000 });
		let began = 0;
		stand.consume(logline, ['a'], {
			before: async () => {
				began++;
				await new Promise((resolve) => setTimeout(resolve, 300));
			}
		});
		await stand.append('a', 1, 2);
		await until(() => began === 1);
		await logline.stop();
		expect(await stand.seen()).toEqual([1]);
		expect((await stand.sql`select position::int from consumers where topic = 'a'`)[0]).toEqual({
			position: 1
		});
	});

	test('leaves what was not handled to the next process, also when the consumer has not moved for long', async () => {
		await stand.append('a', 1, 2);
		await stand.sql`insert into consumers (name, topic, position, moved_at)
			values ('test', 'a', 0, now() - interval '2 hours'), ('test', 'b', 0, now() - interval '2 hours')`;
		const logline = await stand.logline({ graceMs: 1000 });
		let began = 0;
		stand.consume(logline, ['a', 'b'], { before: () => (began++, new Promise(() => {})) });
		await until(() => began === 1);
		await logline.stop();
		const positions = await stand.sql`select position::int from consumers where topic <> '$begun'`;
		expect([...positions]).toEqual([{ position: 0 }, { position: 0 }]);
		stand.consume(await stand.logline(), ['a', 'b']);
		await handled(2);
		expect(await stand.seen()).toEqual([1, 2]);
	});

	test('takes back what a handler has done that does not end within the grace', async () => {
		const logline = await stand.logline({ graceMs: 400 });
		let began = 0;
		stand.consume(logline, ['a'], { before: () => (began++, new Promise(() => {})) });
		await stand.append('a', 1);
		await until(() => began === 1);
		const stopped = performance.now();
		await logline.stop();
		expect(performance.now() - stopped).toBeLessThan(2000);
		expect(await stand.seen()).toEqual([]);
		expect((await stand.sql`select position::int from consumers where topic = 'a'`)[0]).toEqual({
			position: 0
		});
		expect(await begun(), 'it does not count').toBe(0);
	});
});
