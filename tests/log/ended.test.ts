/** Topics that end: nothing stands behind the end, whoever writes. */
import { drizzle } from 'drizzle-orm/postgres-js';
import { describe, expect, test } from 'vitest';
import { openClient } from '../../src/app/driver-client.ts';
import { encodeEvent } from '../../src/lib/server/log/accept.ts';
import { endTopic } from '../../src/lib/server/log/end-topic.ts';
import { insertIntoOutbox } from '../../src/lib/server/log/outbox.ts';
import { TEST_TOPICS } from '../support/app-server.ts';
import { queryable } from '../support/queryable.ts';
import {
	databaseUrl,
	eventsOf,
	freshTopic,
	moved,
	openWriter,
	REGISTRY,
	setAside,
	sql,
	startProcess,
	startRelay,
	told,
	useDeclaredLog
} from './declared-log.ts';
import type { Written } from './writing-process.ts';

useDeclaredLog();

const insert = (topic: string, data: unknown, on: typeof sql = sql) =>
	on<
		{ id: string }[]
	>`insert into events (topic, data) values (${topic}, ${sql.json(data as never)}) returning id::text`;
const end = async (topic: string) =>
	(await sql<{ id: string | null }[]>`select logline_end(${topic})::text as id`)[0]!.id;
const ends = async (topic: string) =>
	(await sql`select id::text from events where topic = '$ended' and data->>'topic' = ${topic}`).map(
		({ id }) => id as string
	);
/** The public call, as a server makes it. */
const endIt = (topic: string, tx?: Parameters<typeof endTopic>[3]) =>
	endTopic({ pool: queryable(sql), topics: REGISTRY }, 'public', topic, tx);

describe('a topic that has ended', () => {
	test('takes no more events at any door, stays readable, and leaves the others alone', async () => {
		const topic = freshTopic();
		const other = freshTopic();
		const writer = openWriter();
		const [first] = await writer.append([encodeEvent({ topic, data: 'last' })]);
		const ended = await end(topic);
		await expect(insert(topic, 1)).rejects.toMatchObject({
			code: '23514',
			constraint_name: 'events_ended_check',
			message: `The topic "${topic}" has ended`
		});
		await expect(
			sql`insert into outbox (topic, data) values (${other}, '1'), (${topic}, '2')`
		).rejects.toMatchObject({ constraint_name: 'outbox_ended_check' });
		await expect(writer.append([encodeEvent({ topic, data: 3 })])).rejects.toMatchObject({
			code: 'topic_ended',
			status: 409
		});
		await expect(
			sql.begin((tx) => insertIntoOutbox(tx, 'public', [encodeEvent({ topic, data: 4 })]))
		).rejects.toMatchObject({ code: 'topic_ended', status: 409 });
		const client = openClient(databaseUrl(), { max: 1, name: 'test drizzle' });
		const byDrizzle = drizzle(client).transaction((tx) =>
			insertIntoOutbox(tx, 'public', [encodeEvent({ topic, data: 5 })])
		);
		await expect(byDrizzle).rejects.toMatchObject({ code: 'topic_ended', status: 409 });
		await client.end();
		expect(await eventsOf(topic)).toEqual([[first!.id, 'last']]);
		expect(await ends(topic)).toEqual([ended]);
		await insert(other, 'goes on');
	});

	test('can end again, which is no error and changes nothing', async () => {
		const topic = freshTopic();
		const ended = await end(topic);
		expect(await end(topic)).toBe(ended);
		await endIt(topic);
		startRelay();
		await sql.begin((tx) => endIt(topic, tx));
		await sql.begin(async (tx) => {
			await endIt(topic, tx);
			await endIt(topic, tx);
		});
		await moved();
		expect(await ends(topic)).toEqual([ended]);
		expect(await setAside('$ended')).toEqual([]);
	});

	test('can end before its first event', async () => {
		const topic = freshTopic();
		await endIt(topic);
		await expect(insert(topic, 1)).rejects.toMatchObject({ constraint_name: 'events_ended_check' });
		const [row] = await sql`select pattern from log_topics where topic = ${topic}`;
		expect(row).toEqual({ pattern: 'docs/[doc]/edits' });
	});

	test('answers a repeated key with the first id, as if it had not ended', async () => {
		const topic = freshTopic();
		const writer = openWriter();
		const keyed = encodeEvent({ topic, data: 1, key: `once ${topic}` });
		const [first] = await writer.append([keyed]);
		await end(topic);
		expect(await writer.append([keyed])).toEqual([{ id: first!.id, duplicate: true }]);
		await expect(writer.append([keyed, encodeEvent({ topic, data: 2 })])).rejects.toMatchObject({
			code: 'topic_ended',
			index: 1
		});
	});

	test('refuses one caller of a batch, and the others are written, not one by one', async () => {
		const topic = freshTopic();
		const other = freshTopic();
		await end(topic);
		const writer = openWriter();
		const batches = async () => Number((await sql`select count(*) from append_batches`)[0]!.count);
		const before = await batches();
		const outcomes = await Promise.allSettled(
			Array.from({ length: 60 }, (_, n) =>
				writer.append(
					n === 30
						? [encodeEvent({ topic: other, data: 'with it' }), encodeEvent({ topic, data: n })]
						: [encodeEvent({ topic: other, data: n })]
				)
			)
		);
		expect(outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([30]);
		expect((await eventsOf(other)).map(([, data]) => data)).toEqual(
			Array.from({ length: 60 }, (_, n) => n).filter((n) => n !== 30)
		);
		expect((await batches()) - before).toBeLessThan(5);
	});
});

describe('the end of a topic', () => {
	test('in a transaction stands behind what the transaction has emitted, and comes with its commit only', async () => {
		const topic = freshTopic();
		const other = freshTopic();
		startRelay();
		await expect(
			sql.begin(async (tx) => {
				await endIt(topic, tx);
				throw new Error('rolled back');
			})
		).rejects.toThrow('rolled back');
		await sql.begin(async (tx) => {
			await insertIntoOutbox(tx, 'public', [encodeEvent({ topic, data: 'one' })]);
			await tx`insert into outbox (topic, data) values (${topic}, '"two"')`;
			// Also by plain SQL: the transaction has written already.
			expect((await tx`select logline_end(${topic}) as id`)[0]!.id).toBe(null);
			const behind = tx.savepoint((inner) =>
				insertIntoOutbox(inner, 'public', [encodeEvent({ topic, data: 'behind it' })])
			);
			await expect(behind).rejects.toMatchObject({ code: 'topic_ended', status: 409 });
			await insertIntoOutbox(tx, 'public', [encodeEvent({ topic: other, data: 'goes on' })]);
		});
		await moved();
		const events = await eventsOf(topic);
		expect(events.map(([, data]) => data)).toEqual(['one', 'two']);
		const [ended] = await ends(topic);
		expect(BigInt(ended!)).toBeGreaterThan(BigInt(events[1]![0]));
		expect((await eventsOf(other)).map(([, data]) => data)).toEqual(['goes on']);
		expect(await setAside(topic)).toEqual([]);
	});

	test('is forgotten when it is rolled back to a savepoint', async () => {
		const topic = freshTopic();
		startRelay();
		await sql.begin(async (tx) => {
			await tx
				.savepoint(async (inner) => {
					await endIt(topic, inner);
					throw new Error('changed my mind');
				})
				.catch(() => undefined);
			await insertIntoOutbox(tx, 'public', [encodeEvent({ topic, data: 'goes on' })]);
		});
		await moved();
		expect((await eventsOf(topic)).map(([, data]) => data)).toEqual(['goes on']);
	});

	test('of a signal, which keeps no events, is refused with what to do', async () => {
		const connection = { pool: queryable(sql), topics: TEST_TOPICS };
		for (const signal of ['pointers', 'rooms/1/typing']) {
			await expect(endTopic(connection, 'public', signal)).rejects.toMatchObject({
				code: 'not_durable',
				status: 400,
				message: expect.stringContaining(signal) as unknown
			});
		}
	});

	test('sets aside what another transaction had on its way, and everything else moves on', async () => {
		const topic = freshTopic();
		const other = freshTopic();
		await sql.begin(async (tx) => {
			await tx`insert into outbox (topic, data) select ${other}, to_jsonb(i) from generate_series(1, 200) i`;
			await tx`insert into outbox (topic, data) values (${topic}, '"late"')`;
			await tx`insert into outbox (topic, data) select ${other}, to_jsonb(i) from generate_series(201, 400) i`;
			await end(topic);
		});
		startRelay();
		await moved();
		expect(await eventsOf(topic)).toEqual([]);
		expect((await setAside(topic)).map(({ error }) => error as string)).toEqual([
			`The topic "${topic}" has ended (23514)`
		]);
		expect((await eventsOf(other)).map(([, data]) => data)).toEqual(
			Array.from({ length: 400 }, (_, n) => n + 1)
		);
	});

	test('and events of the topic in one statement: those before it pass, one behind it is refused', async () => {
		const topic = freshTopic();
		const ended = { topic };
		await expect(
			sql`insert into events (topic, data)
				values (${topic}, '1'), ('$ended', ${sql.json(ended)}), (${topic}, '2')`
		).rejects.toMatchObject({ constraint_name: 'events_ended_check' });
		await sql`insert into events (topic, data) values (${topic}, '1'), ('$ended', ${sql.json(ended)})`;
		expect(await eventsOf(topic)).toHaveLength(1);
		await expect(
			sql`insert into events (topic, data) values ('$ended', ${sql.json(ended)})`
		).rejects.toMatchObject({ constraint_name: 'events_ended_check' });
	});

	test('is not passed by a writer whose transaction began before it', async () => {
		const topic = freshTopic();
		const unmet = freshTopic();
		await insert(topic, 'first');
		await expect(
			sql.begin('isolation level repeatable read', async (tx) => {
				await tx`select from events limit 1`;
				await end(topic);
				await insert(topic, 'behind it', tx as never);
			})
		).rejects.toMatchObject({ code: '40001' });
		await expect(
			sql.begin('isolation level repeatable read', async (tx) => {
				await tx`select from events limit 1`;
				await end(unmet);
				await insert(unmet, 'behind it', tx as never);
			})
		).rejects.toMatchObject({ code: '40001' });
		expect((await eventsOf(topic)).map(([, data]) => data)).toEqual(['first']);
		expect(await eventsOf(unmet)).toEqual([]);
	});

	test('needs a declared topic, and not a pattern', async () => {
		for (const wrong of ['nothing', 'docs/[doc]/edits', 'docs/*/edits', '$ended']) {
			await expect(endIt(wrong)).rejects.toMatchObject({ code: 'unknown_topic', status: 400 });
			await expect(end(wrong)).rejects.toMatchObject({ message: expect.stringContaining(wrong) });
		}
		expect(await sql`select from log_topics where topic not like 'docs/%'`).toHaveLength(0);
	});
});

test('nothing stands behind the end, however many processes write while it comes', async () => {
	for (const way of ['at once', 'in a transaction'] as const) {
		const topic = freshTopic();
		startRelay();
		startRelay();
		const children = [1, 2].map(() => startProcess('writing-process.ts', topic, '16'));
		await Promise.all(children.map((child) => told(child)));
		const acknowledged = new Map<string, string>();
		const refused = new Set<string>();
		let writing = true;
		/** Plain SQL, until it is refused. */
		const inserting = async (client: number) => {
			for (let n = 0; ; n++) {
				const data = `sql ${client} ${n}`;
				try {
					acknowledged.set(data, (await insert(topic, data))[0]!.id);
				} catch (error) {
					expect(error).toMatchObject({ constraint_name: 'events_ended_check' });
					refused.add(data);
					return;
				}
			}
		};
		/** Its rows are committed: they are in the log, or set aside. */
		const relayed: string[] = [];
		const outbox = async (client: number) => {
			for (let n = 0; writing; n++) {
				const data = `outbox ${client} ${n}`;
				try {
					await sql`insert into outbox (topic, data) values (${topic}, ${sql.json(data)})`;
					relayed.push(data);
				} catch (error) {
					expect(error).toMatchObject({ constraint_name: 'outbox_ended_check' });
					refused.add(data);
					return;
				}
			}
		};
		const reports = children.map((child) => told<Written>(child));
		const clients = [0, 1, 2].flatMap((n) => [inserting(n), outbox(n)]);
		// Two at once: only one of them is the end.
		if (way === 'at once') await Promise.all([endIt(topic), endIt(topic)]);
		else await Promise.all([1, 2].map(() => sql.begin((tx) => endIt(topic, tx))));
		for (const report of await Promise.all(reports)) {
			for (const [data, id] of report.acknowledged) acknowledged.set(data, id);
			for (const [data, code] of report.refused) {
				expect(code).toBe('topic_ended');
				refused.add(data);
			}
		}
		await Promise.all(clients);
		writing = false;
		await moved();

		const stored = new Map((await eventsOf(topic)).map(([id, data]) => [data as string, id]));
		const [ended, ...more] = await ends(topic);
		expect(more).toEqual([]);
		for (const id of stored.values()) expect(BigInt(id)).toBeLessThan(BigInt(ended!));
		for (const [data, id] of acknowledged) expect(stored.get(data)).toBe(id);
		for (const data of refused) expect(stored.has(data)).toBe(false);
		const aside = new Set((await setAside(topic)).map(({ data }) => data as string));
		expect(relayed.filter((data) => stored.has(data) === aside.has(data))).toEqual([]);
		expect(refused.size).toBeGreaterThan(30);
		expect(acknowledged.size).toBeGreaterThan(32);
	}
}, 60_000);
