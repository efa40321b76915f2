/** The relay with rows that it cannot move, cannot find, or cannot move at once. */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { Relay, type RelayOptions } from '../../src/lib/server/log/relay.ts';
import { until } from '../support/until.ts';
import { databaseUrl, sql, topics, useEmptiedLog } from './emptied-log.ts';

useEmptiedLog();

const relays: Relay[] = [];
let lines: string[] = [];

/** Starts a relay like every process has, which looks every 50 ms. */
function startRelay(options: RelayOptions = {}, answerMs = 5000): Relay {
	const logger = pino({ level: 'info' }, { write: (line) => void lines.push(line) });
	const relay = new Relay(new SoleConnection(databaseUrl(), { name: 'relay', answerMs }), logger, {
		pollMs: 50,
		...options
	});
	relays.push(relay);
	relay.start();
	return relay;
}

beforeEach(async () => {
	lines = [];
	await sql`delete from dead_letters`;
});
afterEach(async () => {
	for (const relay of relays.splice(0)) await relay.stop();
});

const waiting = async () => Number((await sql`select count(*) from outbox`)[0]!.count);
const moved = () => until(async () => (await waiting()) === 0, { what: 'the outbox is empty' });
const deadLetters = () =>
	sql`select topic, data, key, error from dead_letters order by dead_letters.id`;

describe('a row that the log refuses', () => {
	/** Restores rows from before the bounds. */
	const restore = async (insert: () => Promise<unknown>) => {
		await sql`alter table outbox drop constraint outbox_bounds_check`;
		await insert();
		await sql`
			alter table outbox add constraint outbox_bounds_check check (size <= 1048576
				or logline_refuse('outbox', topic, user_id, data, created_at, key)) not valid`;
	};

	test('is set aside with the reason, and what is before and behind it moves on, in order', async () => {
		await restore(
			() => sql`
				insert into outbox (topic, data, key)
				select case when i = 1234 then repeat('x', 3000) else 't' || i end, to_jsonb(i), 'poison ' || i
				from generate_series(1, 3000) i`
		);
		const relay = startRelay();
		await moved();
		expect(await topics()).toEqual(
			Array.from({ length: 3000 }, (_, i) => `t${i + 1}`).filter((topic) => topic !== 't1234')
		);
		expect([...(await deadLetters())]).toEqual([
			{
				topic: 'x'.repeat(3000),
				data: 1234,
				key: 'poison 1234',
				error: 'The topic has 3000 octets (23514)'
			}
		]);
		await until(() => relay.deadLetters === 1 && !relay.failing);
		expect(lines.join()).toContain('dead_letters');
	});

	test('for a reason of the application is set aside, too: at the insert or at the commit', async () => {
		await sql`
			create function no() returns trigger language plpgsql as $$
			begin raise exception 'not %', new.topic using errcode = tg_argv[0]; end $$`;
		await sql`
			create trigger no_bad before insert on events for each row when (new.topic = 'bad')
			execute function no('42703')`;
		await sql`
			create trigger no_odd before insert on events for each row when (new.topic = 'odd')
			execute function no('check_violation')`;
		await sql`
			create constraint trigger no_late after insert on events deferrable initially deferred
			for each row when (new.topic = 'late') execute function no('P0001')`;
		try {
			await sql`
				insert into outbox (topic, data)
				select (array['a', 'bad', 'b', 'late', 'odd', 'late', 'c'])[i], '1' from generate_series(1, 7) i`;
			startRelay();
			await moved();
			expect(await topics()).toEqual(['a', 'b', 'c']);
			expect((await deadLetters()).map(({ error }) => error as string)).toEqual([
				'not bad (42703)',
				'not late (P0001)',
				'not odd (23514)',
				'not late (P0001)'
			]);
		} finally {
			await sql`drop function no() cascade`;
		}
	});

	test('comes back when the cause is mended and it is inserted again', async () => {
		await restore(() => sql`insert into outbox (topic, data) values (repeat('x', 300), '1')`);
		startRelay();
		await until(async () => (await deadLetters()).length === 1);
		await sql`
			with again as (delete from dead_letters returning *)
			insert into outbox (topic, user_id, data, key, created_at)
			select 'mended', user_id, data, key, created_at from again`;
		await until(async () => (await topics()).includes('mended'));
		expect(await deadLetters()).toHaveLength(0);
	});
});

test('a log that takes nothing for now sets nothing aside, and is told once', async () => {
	await sql`
		create function full_disk() returns trigger language plpgsql as $$
		begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$`;
	await sql`create trigger full_disk before insert on events execute function full_disk()`;
	await sql`insert into outbox (topic, data) values ('a', '1'), ('b', '2')`;
	const relay = startRelay();
	await until(() => relay.failing && performance.now() - relay.emptyAt > 500);
	expect(await waiting()).toBe(2);
	expect(lines.filter((line) => line.includes('cannot be moved'))).toHaveLength(1);
	await sql`drop function full_disk() cascade`;
	await moved();
	await until(() => !relay.failing && performance.now() - relay.emptyAt < 500);
	expect(await topics()).toEqual(['a', 'b']);
	expect(await deadLetters()).toHaveLength(0);
});

test('a row of the outbox that somebody has locked waits, in its order, and holds up no append', async () => {
	await sql`insert into outbox (topic, data) values ('a', '1'), ('b', '2')`;
	await sql.begin(async (other) => {
		await other`select from outbox where topic = 'a' for update`;
		const relay = startRelay();
		await until(() => relay.failing);
		const times: number[] = [];
		for (let i = 0; i < 20; i++) {
			const from = performance.now();
			await sql`insert into events (topic, data) values ('direct', '1')`;
			times.push(performance.now() - from);
		}
		// One that comes while the relay tries waits for it.
		expect(times.sort((a, b) => a - b)[10]).toBeLessThan(100);
		expect(times.at(-1)).toBeLessThan(1000);
		expect(await waiting()).toBe(2);
	});
	await moved();
	expect((await topics()).filter((topic) => topic !== 'direct')).toEqual(['a', 'b']);
	expect(await deadLetters()).toHaveLength(0);
});

describe('one transaction', () => {
	test('of 600 rows of 250 KB moves, and what is behind it', async () => {
		await sql`
			insert into outbox (topic, data)
			select 'large', to_jsonb(repeat(md5(i::text), 8000)) from generate_series(1, 600) i`;
		await sql`insert into outbox (topic, data) values ('behind', '1')`;
		startRelay();
		await until(async () => (await topics()).includes('behind'), { timeoutMs: 60_000 });
		expect(await topics()).toHaveLength(601);
		expect(await waiting()).toBe(0);
	}, 90_000);

	test('whose rows take longer than a statement may goes in smaller parts', async () => {
		await sql`
			create function slow() returns trigger language plpgsql as $$
			begin perform pg_sleep(0.03); return new; end $$`;
		await sql`create trigger slow before insert on events for each row execute function slow()`;
		try {
			await sql`insert into outbox (topic, data) select 't' || i, '1' from generate_series(1, 40) i`;
			startRelay({}, 500);
			await moved();
			expect(await topics()).toEqual(Array.from({ length: 40 }, (_, i) => `t${i + 1}`));
		} finally {
			await sql`drop function slow() cascade`;
		}
	});
});

describe('rows that somebody restores while the relay runs', () => {
	const restore = (tx: string) =>
		sql.begin(async (restoring) => {
			// As pg_restore does: no trigger runs, and `tx` is the transaction that originally wrote the row.
			await restoring`set local session_replication_role = replica`;
			await restoring.unsafe(
				`insert into outbox (tx, topic, data) values ('${tx}', 'restored', '1')`
			);
		});

	test.each(['3', '9999999999'])(
		'of transaction %s move without an error or a restart',
		async (tx) => {
			const relay = startRelay({ surveyMs: 200 });
			await sql`insert into outbox (topic, data) values ('first', '1')`;
			await until(async () => (await topics()).length === 1);
			await restore(tx);
			await until(async () => (await topics()).length === 2);
			expect(await topics()).toEqual(['first', 'restored']);
			expect(relay.failing).toBe(false);
		}
	);
});
