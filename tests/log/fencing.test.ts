/** Producers that follow each other: once the newer one has written, the older one writes nothing more. */
import { describe, expect, test } from 'vitest';
import { encodeEvent, type AcceptedEvent } from '../../src/lib/server/log/accept.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { insertIntoOutbox } from '../../src/lib/server/log/outbox.ts';
import {
	databaseUrl,
	eventsOf,
	freshTopic,
	moved,
	openWriter,
	setAside,
	sql,
	startProcess,
	startRelay,
	told,
	useDeclaredLog
} from './declared-log.ts';
import type { Written } from './writing-process.ts';

useDeclaredLog();

const by = (topic: string, epoch: number, data: unknown, key?: string) =>
	encodeEvent({ topic, data, key, producer: { name: topic, epoch } });
type ByEpoch = (epoch: number, key?: string) => AcceptedEvent;
const dataOf = async (topic: string) => (await eventsOf(topic)).map(([, data]) => data);

/** Events, and which of them is refused. In the log are already: key `a` in epoch 1, and epoch 2. */
const PLACES: [string, (by: ByEpoch) => AcceptedEvent[], number][] = [
	['in the log', (by) => [by(2), by(1), by(2)], 1],
	['earlier in the append', (by) => [by(2), by(3), by(2)], 2],
	['in the log, behind events of its writer that are there', (by) => [by(1, 'a'), by(1, 'b')], 1],
	[
		'earlier in the append, and not one that repeats a key',
		(by) => [by(3, 'c'), by(2, 'c'), by(2)],
		2
	],
	['in the log, and not one that does not count', (by) => [by(4, 'a'), by(2), by(1)], 2]
];

describe('a producer whose epoch is over', () => {
	test('is refused, and its successor goes on', async () => {
		const topic = freshTopic();
		const [older, newer] = [openWriter(), openWriter()];
		await older.append([by(topic, 1, 'one')]);
		await older.append([by(topic, 1, 'two')]);
		await newer.append([by(topic, 2, 'three')]);
		await expect(older.append([by(topic, 1, 'zombie')])).rejects.toMatchObject({
			code: 'fenced',
			status: 409
		});
		await newer.append([by(topic, 2, 'four')]);
		await older.append([encodeEvent({ topic, data: 'of nobody' })]);
		expect(await dataOf(topic)).toEqual(['one', 'two', 'three', 'four', 'of nobody']);
		expect(await sql`select epoch::int from producers where name = ${topic}`).toEqual([
			{ epoch: 2 }
		]);
	});

	test('is refused by the outbox at once, and by the relay when the newer one came in between', async () => {
		const topic = freshTopic();
		const other = freshTopic();
		await sql.begin(async (tx) => {
			await tx`insert into outbox (topic, data) select ${other}, to_jsonb(i) from generate_series(1, 100) i`;
			await insertIntoOutbox(tx, 'public', [
				by(topic, 1, 'on its way'),
				by(topic, 3, 'newer still')
			]);
			await tx`insert into outbox (topic, data) select ${other}, to_jsonb(i) from generate_series(101, 200) i`;
			await openWriter().append([by(topic, 2, 'newer')]);
		});
		await sql.begin((tx) =>
			insertIntoOutbox(tx, 'public', [
				by(topic, 3, 'three'),
				by(topic, 2, 'older in the same page')
			])
		);
		startRelay();
		await moved();
		expect(await dataOf(topic)).toEqual(['newer', 'newer still', 'three']);
		expect(await dataOf(other)).toHaveLength(200);
		expect(await setAside(topic)).toEqual([
			{
				data: 'on its way',
				producer: topic,
				epoch: 1,
				error: `Producer "${topic}" writes in epoch 2 now, and no longer in 1 (23514)`
			},
			{
				data: 'older in the same page',
				producer: topic,
				epoch: 2,
				error: `Producer "${topic}" writes in epoch 3 now, and no longer in 2 (23514)`
			}
		]);
		await expect(
			sql.begin((tx) => insertIntoOutbox(tx, 'public', [by(topic, 2, 'late')]))
		).rejects.toMatchObject({ code: 'fenced', status: 409 });
		await expect(
			sql`insert into outbox (topic, data, producer, epoch) values (${topic}, '1', ${topic}, 2)`
		).rejects.toMatchObject({ constraint_name: 'outbox_fenced_check' });
	});

	test('learns the id of what it has written, when it asks again with the key', async () => {
		const topic = freshTopic();
		const writer = openWriter();
		const [first] = await writer.append([by(topic, 1, 1, `1 ${topic}`)]);
		await writer.append([by(topic, 2, 2)]);
		expect(await writer.append([by(topic, 1, 1, `1 ${topic}`)])).toEqual([
			{ id: first!.id, duplicate: true }
		]);
		await expect(writer.append([by(topic, 1, 3, `3 ${topic}`)])).rejects.toMatchObject({
			code: 'fenced'
		});
	});

	test('harms none of the callers whose events are in the same batch', async () => {
		const topic = freshTopic();
		const writer = openWriter();
		const outcomes = await Promise.allSettled(
			Array.from({ length: 100 }, (_, n) =>
				writer.append([
					n % 10 === 9 ? by(topic, n < 50 ? n : 0, n) : encodeEvent({ topic, data: n })
				])
			)
		);
		const refused = [59, 69, 79, 89, 99];
		expect(outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual(
			refused
		);
		expect(await dataOf(topic)).toEqual(
			Array.from({ length: 100 }, (_, n) => n).filter((n) => !refused.includes(n))
		);
	});

	test.each(PLACES)(
		'is named by its place when the newer epoch is %s',
		async (_, events, index) => {
			const topic = freshTopic();
			const writer = openWriter();
			const mine = (epoch: number, key?: string) =>
				by(topic, epoch, epoch, key && `${key} ${topic}`);
			await writer.append([mine(1, 'a')]);
			await writer.append([mine(2)]);
			await expect(
				writer.append([encodeEvent({ topic, data: 'of nobody' }), ...events(mine)])
			).rejects.toMatchObject({ code: 'fenced', index: index + 1 });
		}
	);

	test('is told without its place when the log does not answer where it is', async () => {
		const topic = freshTopic();
		class Locked extends SoleConnection {
			override async query<Row extends object>(text: string, given: (string | number | null)[]) {
				const ask = () => super.query<Row>(text, given);
				if (!text.includes('event_keys')) return ask();
				return sql.begin(async (tx) => {
					await tx`lock table event_keys`;
					return ask();
				}) as Promise<Row[]>;
			}
		}
		const writer = openWriter(new Locked(databaseUrl(), { name: 'locked', answerMs: 500 }));
		await writer.append([by(topic, 2, 1)]);
		const refused = writer.append([by(topic, 1, 2), by(topic, 1, 3)]);
		await expect(refused).rejects.toMatchObject({ code: 'fenced', index: undefined });
		await writer.append([by(topic, 2, 4)]);
		expect(await dataOf(topic)).toEqual([1, 4]);
	});

	test('raises no epoch by an event that is refused for another reason', async () => {
		const topic = freshTopic();
		const ended = freshTopic();
		await sql`select logline_end(${ended})`;
		const writer = openWriter();
		const event = { ...by(topic, 7, 1), topic: ended };
		await expect(writer.append([event])).rejects.toMatchObject({ code: 'topic_ended' });
		await writer.append([by(topic, 1, 1)]);
		expect(await sql`select epoch::int from producers where name = ${topic}`).toEqual([
			{ epoch: 1 }
		]);
	});
});

test('of two producers with one name, only the newer writes after it has first written', async () => {
	const topic = freshTopic();
	const older = [1, 2].map(() => startProcess('writing-process.ts', topic, '16', topic, '1'));
	await Promise.all(older.map((child) => told(child)));
	const reports = older.map((child) => told<Written>(child));
	startRelay();
	/** The older one, by the outbox of a third server. */
	const zombie = (async () => {
		for (let n = 0; ; n++) {
			try {
				await sql.begin((tx) => insertIntoOutbox(tx, 'public', [by(topic, 1, `outbox ${n}`)]));
			} catch (error) {
				expect(error).toMatchObject({ code: 'fenced' });
				return n;
			}
		}
	})();
	const newer = openWriter();
	const first = await Promise.all(
		Array.from({ length: 50 }, (_, n) => newer.append([by(topic, 2, `newer ${n}`)]))
	);
	const committed = await zombie;
	const refused: string[] = [];
	const acknowledged: [string, string][] = [];
	for (const report of await Promise.all(reports)) {
		acknowledged.push(...report.acknowledged);
		for (const [data, code] of report.refused) {
			expect(code).toBe('fenced');
			refused.push(data);
		}
	}
	await moved();
	const stored = new Map((await eventsOf(topic)).map(([id, data]) => [data as string, id]));
	const takeover = BigInt(stored.get('newer 0')!);
	expect(first[0]![0]!.id).toBe(String(takeover));
	const behind = [...stored].filter(
		([data, id]) => !data.startsWith('newer') && BigInt(id) > takeover
	);
	expect(behind).toEqual([]);
	for (const [data, id] of acknowledged) expect(stored.get(data)).toBe(id);
	expect(refused).toHaveLength(32);
	expect(refused.filter((data) => stored.has(data))).toEqual([]);
	const relayed = [...stored.keys()].filter((data) => data.startsWith('outbox'));
	expect(relayed.length + (await setAside(topic)).length).toBe(committed);
}, 30_000);

test('a worker that was stopped in the middle of an answer does not write into the one that its successor gives', async () => {
	const words = Array.from({ length: 5000 }, (_, n) => `word${n}`);
	const said = async () => (await dataOf('answers')).filter((word) => word !== '');
	const worker = startProcess('answering-process.ts', '1', ...words);
	expect(await told(worker)).toBe('answering');
	// Like a process whose machine is suspended: it does not know that time has passed.
	worker.kill('SIGSTOP');
	const rest = words.slice(0, (await said()).length + 300);
	const successor = startProcess('answering-process.ts', '2', ...rest);
	expect(await told(successor)).toBe('answering');
	worker.kill('SIGCONT');
	const outcomes = await Promise.all([told(worker), told(successor)]);
	expect(outcomes).toEqual(['fenced', 'done']);
	expect(await said()).toEqual(rest);
}, 30_000);

describe('a producer', () => {
	test.each([
		['', 1],
		['x'.repeat(201), 1],
		['a\0b', 1],
		['a', -1],
		['a', 1.5],
		['a', 2 ** 53],
		['a', Number.NaN]
	])('named %j in epoch %d is refused with what it must be', (name, epoch) => {
		const event = { topic: 'news', data: 1, producer: { name, epoch } };
		expect(() => encodeEvent(event)).toThrow(
			expect.objectContaining({ code: 'invalid_producer', status: 400 })
		);
	});

	test('in plain SQL has both, a name and an epoch', async () => {
		for (const [name, epoch] of [
			['a', null],
			[null, 1],
			['', 1],
			['a', -1]
		] as const) {
			await expect(
				sql`insert into outbox (topic, data, producer, epoch) values ('news', '1', ${name}, ${epoch})`
			).rejects.toMatchObject({
				constraint_name: 'outbox_producer_check',
				hint: expect.stringContaining('Give both')
			});
		}
	});

	test('may have any epoch up to 2^53 - 1 from TypeScript, and up to 2^63 - 1 from SQL', async () => {
		const topic = freshTopic();
		startRelay();
		await openWriter().append([by(topic, Number.MAX_SAFE_INTEGER, 1)]);
		await sql`
			insert into outbox (topic, data, producer, epoch) values (${topic}, '2', ${topic}, 9223372036854775807)`;
		await moved();
		expect(await dataOf(topic)).toEqual([1, 2]);
	});
});

test('a server of the previous version appends while the log has the newer functions', async () => {
	const topic = freshTopic();
	const array = [topic];
	await sql`select ids from logline_append(gen_random_uuid(), ${array}::text[], array[null]::text[],
		array['1']::text[]::jsonb[], null::text[])`;
	await sql`select ids from logline_append(null, ${array}, array[null]::text[], array['2']::jsonb[],
		array['old ' || ${topic}]::text[], array[now()])`;
	expect(await dataOf(topic)).toEqual([1, 2]);
	const functions = await sql`
		select proname from pg_proc where proname in ('logline_append', 'logline_relay', 'logline_end')`;
	expect(functions).toHaveLength(3);
});
