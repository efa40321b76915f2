/** Writers that wait for each other: each must decide after it has the lock, not before. */
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { lockWaits } from '../support/lock-waits.ts';
import { until } from '../support/until.ts';
import { sql, topics, useEmptiedLog } from './emptied-log.ts';

useEmptiedLog();

const append = async (topic: string, key: string | null, batch: string = randomUUID()) => {
	const [row] = await sql<{ ids: string[]; appended: boolean[] }[]>`
		select ids::text[], appended from logline_append(${batch}, ${[topic]}::text[], array[null]::text[],
			array['{}']::jsonb[], ${[key]}::text[])`;
	return row!;
};

/** Starts both writers while a third one holds the log's lock, and releases the lock when both wait. */
async function both<T>(write: (n: number) => Promise<T>): Promise<T[]> {
	let writing: Promise<T>[] = [];
	await sql.begin(async (tx) => {
		await tx`insert into events (topic, data) values ('first', '{}')`;
		writing = [write(1), write(2)];
		await until(async () => (await lockWaits(sql)) === 2, { what: 'both writers wait' });
	});
	return Promise.all(writing);
}

test('a key that two writers use at the same moment makes one event, and both learn its id', async () => {
	const answers = await both((n) => append(`w${n}`, 'same'));
	expect(answers[0]!.ids).toEqual(answers[1]!.ids);
	expect(answers.map(({ appended }) => appended[0]).sort()).toEqual([false, true]);
	expect(await topics()).toHaveLength(2);
});

test('a batch that is sent again before the first try is over is written once', async () => {
	const batch = randomUUID();
	const answers = await both(() => append('batch', null, batch));
	expect(answers[0]).toEqual(answers[1]);
	expect(await topics()).toEqual(['first', 'batch']);
});

test('what lies in the outbox behind a row that another server is moving is not forgotten', async () => {
	// The first server is stopped in the middle of moving the first row. A relay gives up a row that is locked for 100 ms, and
	// this one must wait until it has been seen.
	await sql`
		create function hold() returns trigger language plpgsql as $$
		begin
			if old.topic = 'one' then
				perform set_config('lock_timeout', '0', true);
				perform pg_advisory_xact_lock(1);
			end if;
			return old;
		end $$`;
	await sql`create trigger hold after delete on outbox for each row execute function hold()`;
	const holder = await sql.reserve();
	await holder`select pg_advisory_lock(1)`;
	const relay = (seen: string | null, limit: number) => sql<
		{ moved: number; seen: string | null }[]
	>`
		select moved, seen::text from logline_relay(${seen}::pg_snapshot, ${limit}::int)`;
	try {
		await sql`insert into outbox (topic, data) values ('one', '{}'), ('two', '{}'), ('three', '{}')`;
		const first = relay(null, 1).execute();
		await until(async () => (await lockWaits(sql)) === 1, { what: 'the first server is held up' });
		const second = relay(null, 2).execute();
		await until(async () => (await lockWaits(sql)) === 2, { what: 'the second server waits' });
		await holder`select pg_advisory_unlock(1)`;
		await first;
		// It continues where its last look ended, as servers do, until it finds no more rows.
		let [last] = await second;
		while (last!.moved > 0) [last] = await relay(last!.seen, 2);
		expect(await topics()).toEqual(['one', 'two', 'three']);
	} finally {
		await holder`select pg_advisory_unlock_all()`;
		holder.release();
		await sql`drop trigger hold on outbox`;
		await sql`drop function hold()`;
	}
});
