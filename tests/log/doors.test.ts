import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { sql, topics, useEmptiedLog } from './emptied-log.ts';

useEmptiedLog();

describe('INSERT INTO events', () => {
	test('publishes from any program, whatever form it has', async () => {
		await sql`insert into events (topic, data) values ('one', '1'), ('two', '2')`;
		await sql`insert into events (topic, data) select 'three', '3'`;
		await sql`with x as (select 'four'::text as t) insert into events (topic, data) select t, '4' from x`;
		expect(await topics()).toEqual(['one', 'two', 'three', 'four']);
	});

	test('is refused inside a transaction that has written, with a hint at the outbox', async () => {
		const late = sql.begin(async (tx) => {
			await tx`insert into users (id, username, password_hash) values ('late', 'late', '')`;
			await tx`insert into events (topic, data) values ('a', '1')`;
		});
		await expect(late).rejects.toMatchObject({
			message: expect.stringContaining('first write') as string,
			hint: expect.stringContaining('outbox') as string
		});
		expect(await topics()).toEqual([]);
		expect(await sql`select 1 from users where username = 'late'`).toHaveLength(0);
	});

	test('may be repeated in a transaction that began with it', async () => {
		await sql.begin(async (tx) => {
			await tx`insert into events (topic, data) values ('a', '1')`;
			await tx`insert into users (id, username, password_hash) values ('early', 'early', '')`;
			await tx`insert into events (topic, data) values ('b', '2')`;
		});
		expect(await topics()).toEqual(['a', 'b']);
	});

	test('is refused when it names its own id', async () => {
		const [row] = await sql`select last_value::text as last from events_id_seq`;
		for (const id of ['1', String(BigInt(row!.last as string) + 1n), '999999']) {
			await expect(
				sql`insert into events (id, topic, data) values (${id}, 'a', '1')`
			).rejects.toThrow();
		}
		expect(await topics()).toEqual([]);
	});

	test('is refused when it names the id that the log would give first', async () => {
		await sql`select setval('events_id_seq', 1, false)`;
		const named = sql`insert into events (id, topic, data) values (1, 'a', '1')`;
		await expect(named).rejects.toThrow('given by the log');
		await sql`select setval('events_id_seq', 1000000)`;
	});

	test('is refused for a partition, which no trigger orders', async () => {
		await expect(sql`insert into events_1 (topic, data) values ('a', '1')`).rejects.toThrow(
			'not ordered'
		);
	});

	test('that inserts nothing disturbs nobody', async () => {
		await sql`insert into events (topic, data) select 'a', '1' where false`;
		expect(await topics()).toEqual([]);
	});
});

describe('a key', () => {
	const append = async (events: { topic: string; key: string | null }[]) => {
		const [row] = await sql<{ ids: string[]; appended: boolean[] }[]>`
			select ids::text[], appended from logline_append(${randomUUID()}, ${events.map((e) => e.topic)}::text[],
				${events.map(() => null)}::text[], ${events.map(() => '{}')}::text[]::jsonb[], ${events.map((e) => e.key)}::text[])`;
		return row!;
	};

	test('used again answers the first id and adds nothing', async () => {
		const first = await append([{ topic: 'a', key: 'k1' }]);
		const again = await append([{ topic: 'b', key: 'k1' }]);
		expect(again).toEqual({ ids: first.ids, appended: [false] });
		expect(await topics()).toEqual(['a']);
	});

	test('used twice in one batch makes one event', async () => {
		const answer = await append([
			{ topic: 'a', key: 'k2' },
			{ topic: 'b', key: null },
			{ topic: 'c', key: 'k2' },
			{ topic: 'd', key: 'k3' }
		]);
		expect(answer.appended).toEqual([true, true, false, true]);
		expect(answer.ids[2]).toBe(answer.ids[0]);
		expect(await topics()).toEqual(['a', 'b', 'd']);
	});

	test('that two writers race on makes one event, and both learn its id', async () => {
		const answers = await Promise.all(
			Array.from({ length: 6 }, (_, i) => append([{ topic: `w${i}`, key: 'race' }]))
		);
		expect(new Set(answers.map((answer) => answer.ids[0])).size).toBe(1);
		expect(answers.filter((answer) => answer.appended[0])).toHaveLength(1);
		expect(await topics()).toHaveLength(1);
	});

	test('outlives the event', async () => {
		const first = await append([{ topic: 'a', key: 'for ever' }]);
		await sql`delete from events`;
		expect((await append([{ topic: 'a', key: 'for ever' }])).ids).toEqual(first.ids);
	});
});

describe('the outbox', () => {
	const relay = async (seen: string | null = null) => {
		const [row] = await sql<{ moved: number; seen: string }[]>`
			select moved, seen::text from logline_relay(${seen}::pg_snapshot)`;
		return row!;
	};

	test('moves each row once, however many relays look', async () => {
		await sql`insert into outbox (topic, data) select 'o' || i, '{}' from generate_series(1, 500) i`;
		const moved = await Promise.all(Array.from({ length: 5 }, () => relay()));
		expect(moved.reduce((sum, row) => sum + row.moved, 0)).toBe(500);
		expect(await topics()).toEqual(Array.from({ length: 500 }, (_, i) => `o${i + 1}`));
	});

	test('finds what an old transaction commits later, and is not delayed by it meanwhile', async () => {
		let seen: string | null = null;
		await sql.begin(async (old) => {
			await old`insert into outbox (topic, data) values ('old', '{}')`;
			await sql`insert into outbox (topic, data) values ('young', '{}')`;
			({ seen } = await relay());
			expect(await topics()).toEqual(['young']);
			expect((await relay(seen)).moved).toBe(0);
		});
		expect((await relay(seen)).moved).toBe(1);
		expect(await topics()).toEqual(['young', 'old']);
	});

	test('does not deadlock with row locks of business transactions', async () => {
		await sql`insert into users (id, username, password_hash) values ('locked', 'locked', '')`;
		await sql.begin(async (tx) => {
			await tx`update users set password_hash = 'x' where username = 'locked'`;
			await tx`insert into outbox (topic, data) values ('o', '{}')`;
			// A direct insert and a relay both succeed while the row is locked.
			await sql`insert into events (topic, data) values ('direct', '{}')`;
			await relay();
		});
		await relay();
		expect(await topics()).toEqual(['direct', 'o']);
	});
});

test('partitions are made ahead of the log', async () => {
	await sql`select setval('events_id_seq', 9000000)`;
	expect(await sql`select logline_ensure_partitions() as made`).toEqual([{ made: 1 }]);
	expect(await sql`select logline_ensure_partitions() as made`).toEqual([{ made: 0 }]);
	await sql`insert into events (topic, data) values ('far', '1')`;
	await until(async () => (await topics()).length === 1);
});
