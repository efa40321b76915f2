/** A consumer: every event of its topics, once, in the order of the log. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDatabase } from '../../../src/app/database.ts';
import type { Topic } from '../../../src/lib/protocol/index.ts';
import type { ConsumedEvent } from '../../../src/lib/server/log/consumers/types.ts';
import { until } from '../../support/until.ts';
import { openStand, type Stand, type Tx } from './stand.ts';

const TOPIC_A = ['a'] as unknown as Topic[];

let stand: Stand;
beforeEach(async () => {
	stand = await openStand();
});
afterEach(() => stand.close());

const numbers = (count: number, from = 1) => Array.from({ length: count }, (_, i) => i + from);
const handled = (count: number, name?: string) =>
	until(async () => (await stand.seen(name)).length >= count, {
		what: `${count} events are handled`,
		timeoutMs: 20_000
	});

describe('a consumer', () => {
	test('handles what was there before it, and then what comes, in order, of its topics only', async () => {
		await stand.append('a', 1, 2);
		await stand.append('c', 'not for it');
		await stand.append('b', 3);
		const logline = await stand.logline();
		const consumer = stand.consume(logline, ['a', 'b']);
		await handled(3);
		await stand.append('b', 4);
		await logline.append([{ topic: 'a', data: 5 }]);
		await handled(5);
		expect(await stand.seen()).toEqual([1, 2, 3, 4, 5]);
		expect(consumer.failing).toBe(false);
	});

	test('gets private events with their user, and the parameters of a wildcard’s topics', async () => {
		const logline = await stand.logline();
		const got: ConsumedEvent<Topic>[] = [];
		stand.consume(logline, ['rooms/[room]/messages'], { before: (event) => got.push(event) });
		await stand.sql`insert into events (topic, user_id, data) values ('rooms/7/messages', 'ada', '{"x": 1}')`;
		await stand.append('rooms/8/other', 0).catch(() => undefined);
		await stand.append('rooms/8/messages', 2);
		await handled(2);
		const at: unknown = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/);
		expect(got).toMatchObject([
			{ topic: 'rooms/7/messages', params: { room: '7' }, userID: 'ada', data: { x: 1 }, at },
			{ topic: 'rooms/8/messages', params: { room: '8' }, userID: null, data: 2, at }
		]);
		const rows = await stand.sql`select topic from consumers where topic <> '$begun'`;
		expect([...rows]).toEqual([{ topic: 'rooms/*/messages' }]);
	});

	test('gets old events in the shape that their topic has today, null too', async () => {
		stand.consume(await stand.logline(), ['old']);
		await stand.append('old', 1);
		await stand.sql`insert into events (topic, data) values ('old', 'null')`;
		await handled(2);
		expect(await stand.seen()).toEqual([{ now: 1 }, { now: null }]);
	});

	test('goes on where it was, in another process', async () => {
		const first = await stand.logline();
		stand.consume(first, ['a']);
		await stand.append('a', 1, 2);
		await handled(2);
		await first.stop();
		await stand.append('a', 3);
		stand.consume(await stand.logline(), ['a']);
		await handled(3);
		expect(await stand.seen()).toEqual([1, 2, 3]);
	});

	test('that begins now gets nothing older, and may be declared before the start', async () => {
		await stand.append('a', 1, 2);
		const logline = await stand.logline({ start: false });
		stand.consume(logline, ['a'], { from: 'now' });
		await logline.start();
		await until(
			async () => (await stand.sql`select from consumers where topic <> '$begun'`).length === 1
		);
		await stand.append('a', 3);
		await handled(1);
		expect(await stand.seen()).toEqual([3]);
	});

	test('that begins now gets what is emitted right after it was asked for', async () => {
		const logline = await stand.logline();
		for (let n = 1; n <= 10; n++) {
			stand.consume(logline, ['a'], { from: 'now', name: `now ${n}` });
			await logline.append([{ topic: 'a', data: n }]);
			await handled(1, `now ${n}`);
			expect(await stand.seen(`now ${n}`)).toContain(n);
		}
	});

	test('that began now, and whose log and place in it a failover has lost, begins where the log ends, not with its first event', async () => {
		await stand.append('a', 1, 2, 3);
		const logline = await stand.logline();
		stand.consume(logline, ['a'], { from: 'now' });
		await stand.append('a', 4);
		await handled(1);
		await stand.sql.begin(async (sql) => {
			await sql`lock consumers`;
			await sql`delete from events where id > 1`;
			await sql`select setval('events_id_seq', 1)`;
			await sql`update log_state set epoch = gen_random_uuid()`;
			await sql`delete from consumers`;
		});
		const place = () => stand.sql`select position from consumers where topic = 'a'`;
		await until(async () => (await place()).length === 1, { what: 'it has a place again' });
		await stand.append('a', 5);
		await handled(2);
		expect(await stand.seen()).toEqual([4, 5]);
	});

	test('moves past what is not for it, so that its position does not grow old', async () => {
		stand.consume(await stand.logline(), ['a']);
		await stand.append('b', ...numbers(20));
		const [row] = await stand.sql<{ head: string }[]>`select max(id) as head from events`;
		await until(
			async () =>
				(await stand.sql`select from consumers where topic <> '$begun' and position = ${row!.head}`)
					.length === 1,
			{ what: 'it has passed them' }
		);
	});

	test('that has nothing to do says that it is there, also when its log was trimmed to nothing', async () => {
		await stand.append('a', 1, 2);
		await stand.sql`insert into consumers (name, topic, position, moved_at) values ('test', 'a', 2, now() - interval '2 hours')`;
		await stand.sql`delete from events`;
		stand.consume(await stand.logline(), ['a']);
		await until(
			async () =>
				(
					await stand.sql`select from consumers where topic = 'a' and moved_at > now() - interval '1 hour'`
				).length === 1,
			{ what: 'it was there of late' }
		);
		expect((await stand.sql`select position::int from consumers where topic = 'a'`)[0]).toEqual({
			position: 2
		});
	});

	test('emits in its transaction: what it answers becomes an event with its position', async () => {
		const logline = await stand.logline();
		stand.consume(logline, ['a'], {
			before: ({ id }: { id: string }, tx) =>
				logline.append([{ topic: 'b', data: `answer to ${id}` }], tx)
		});
		stand.consume(logline, ['b'], { name: 'answers' });
		await stand.append('a', 1);
		await handled(1, 'answers');
		expect(await stand.seen('answers')).toEqual([expect.stringMatching(/^answer to \d+$/)]);
	});

	test.each<
		[
			string,
			(stand: Stand) => {
				run: (work: (tx: never) => Promise<void>) => Promise<unknown>;
				end: () => Promise<void>;
			}
		]
	>([
		[
			'postgres.js',
			({ client }) => {
				const { $client: sql } = client();
				return { run: (work) => sql.begin(work as never), end: () => Promise.resolve() };
			}
		],
		[
			'drizzle on connections of the library',
			({ url }) => {
				const { db, end } = openDatabase(url, { name: 'application' });
				return { run: (work) => db.transaction(work as never), end };
			}
		],
		['pg', ({ url }) => pgClient(url)]
	])(
		'commits with a transaction of %s, and takes back what a handler that fails has written',
		async (_, open) => {
			const { run, end } = open(stand);
			const logline = await stand.logline();
			let fails = true;
			const consumer = logline.consume<Topic, never>(
				'test',
				TOPIC_A,
				async (event: ConsumedEvent<Topic>, tx: Tx & { unsafe: Tx['execute']; query: unknown }) => {
					const data = (event as { data: unknown }).data as number;
					const text = `insert into seen (name, data) values ('test', '${data}')`;
					await ('execute' in tx
						? tx.execute(text)
						: 'unsafe' in tx
							? (tx as { unsafe: Tx['execute'] }).unsafe(text)
							: (tx as { query: Tx['execute'] }).query(text));
					if (data === 2 && fails) {
						fails = false;
						throw new Error('not now');
					}
				},
				{ transaction: run, backOffMs: 50 }
			);
			await stand.append('a', 1, 2, 3);
			await handled(3);
			expect((await stand.seen()).sort()).toEqual([1, 2, 3]);
			await consumer.stop();
			await end();
		}
	);

	test('swallows no error of its transaction: a statement that failed is a handler that failed', async () => {
		stand.consume(await stand.logline(), ['a'], {
			before: async ({ id }, tx) => {
				if (id === '1') await tx.execute('select 1 / 0').catch(() => undefined);
			}
		});
		await stand.append('a', 1, 2);
		await handled(1);
		expect(await stand.seen()).toEqual([2]);
		expect((await stand.sql`select event_id::int as id from consumer_failures`)[0]).toEqual({
			id: 1
		});
	});
});

describe('the name and topics of a consumer', () => {
	test.each<[string, string, string[], string]>([
		['no topic', 'x', [], 'invalid_topics'],
		['an unknown topic', 'x', ['nothing'], 'invalid_topics'],
		['a topic of the log itself', 'x', ['$granted'], 'invalid_topics'],
		[
			'two topics that one event could be of',
			'x',
			['rooms/1/messages', 'rooms/*/messages'],
			'invalid_topics'
		],
		['no name', '', ['a'], 'invalid_consumer']
	])('are refused: %s', async (_, name, topics, code) => {
		const logline = await stand.logline({ start: false });
		expect(() => stand.consume(logline, topics, { name })).toThrow(
			expect.objectContaining({ code })
		);
	});

	test('are refused, as is a beginning that there is not', async () => {
		const logline = await stand.logline({ start: false });
		expect(() => stand.consume(logline, ['a'], { from: 'later' as 'now' })).toThrow(
			expect.objectContaining({ code: 'invalid_consumer' })
		);
	});

	test('are refused: the same name twice in one process', async () => {
		const logline = await stand.logline({ start: false });
		const consumer = stand.consume(logline, ['a']);
		expect(() => stand.consume(logline, ['b'])).toThrow(
			expect.objectContaining({ code: 'invalid_consumer' })
		);
		await consumer.stop();
		stand.consume(logline, ['b']);
	});
});

/** A client of pg, which has no types here. One transaction at a time. */
function pgClient(url: string) {
	interface Client {
		connect(): Promise<void>;
		query(text: string): Promise<unknown>;
		end(): Promise<void>;
	}
	const connected = (async () => {
		// @ts-expect-error -- it comes with another package, without types
		const { default: pg } = (await import('pg')) as {
			default: { Client: new (options: object) => Client };
		};
		const client = new pg.Client({ connectionString: url, application_name: 'application' });
		await client.connect();
		return client;
	})();
	return {
		run: async (work: (tx: never) => Promise<void>) => {
			const client = await connected;
			await client.query('begin');
			try {
				await work(client as never);
				await client.query('commit');
			} catch (error) {
				await client.query('rollback');
				throw error;
			}
		},
		end: async () => (await connected).end()
	};
}
