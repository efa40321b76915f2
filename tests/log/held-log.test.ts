/** A transaction that has inserted into `events` holds the log's lock until it commits. The time is limited. */
import type postgres from 'postgres';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Sql } from '../../src/app/driver-client.ts';
import { openSteady } from '../support/steady-sql.ts';
import { databaseUrl, sql, topics, useEmptiedLog } from './emptied-log.ts';

useEmptiedLog();

/** It sets none of the time limits itself. */
const NO_BOUNDS = { statement_timeout: 0, lock_timeout: 0 };

/** Another program with its own settings: it inserts and leaves its transaction open. */
let program: Sql;

beforeEach(() => {
	program = openSteady(databaseUrl(), { size: 1, name: 'program', settings: NO_BOUNDS });
});
afterEach(() => program.end({ timeout: 0 }));

const insert = (topic: string) => `insert into events (topic, data) values ('${topic}', '1')`;

/** An event of another writer, which waits for the lock as long as needed. */
const neighbour = () => sql`insert into events (topic, data) values ('neighbour', '1')`;

describe('a program that has inserted into events and does not commit', () => {
	test('loses its connection after a while, and everybody else goes on', async () => {
		const idle = program.begin(async (tx) => {
			await tx.unsafe('set local logline.hold_ms = 300');
			await tx.unsafe(insert('idle'));
			await neighbour();
			await tx.unsafe('select 1');
		});
		// The driver reports a lost connection. psql prints 25P03, "terminating connection due to idle-in-transaction
		// timeout".
		await expect(idle).rejects.toThrow();
		expect(await topics()).toEqual(['neighbour']);
	});

	test('and runs a long statement instead is cancelled, and everybody else goes on', async () => {
		const busy = program.begin(async (tx) => {
			await tx.unsafe('set local logline.hold_ms = 300');
			await tx.unsafe(insert('busy'));
			await tx.unsafe('select pg_sleep(60)');
		});
		await expect(busy).rejects.toMatchObject({ code: '57014' });
		await neighbour();
		expect(await topics()).toEqual(['neighbour']);
	});

	test('is given ten seconds if nobody says otherwise, by whichever door it came', async () => {
		for (const door of [
			insert('ten'),
			"select logline_append(null, array['ten'], array[null]::text[], array['1']::jsonb[])",
			'select logline_relay()'
		]) {
			const [bounds] = await program.begin(async (tx) => {
				await tx.unsafe(door);
				return tx`select current_setting('idle_in_transaction_session_timeout') as idle,
					current_setting('statement_timeout') as statement`;
			});
			expect(bounds).toEqual({ idle: '10s', statement: '10s' });
		}
	});

	test('keeps a shorter time of its own, and gets its longer one back after the commit', async () => {
		await program`set idle_in_transaction_session_timeout = '2s'`;
		await program`set statement_timeout = '1h'`;
		const read = (tx: postgres.ISql) =>
			tx`select current_setting('idle_in_transaction_session_timeout') as idle,
				current_setting('statement_timeout') as statement`;
		const within = await program.begin(async (tx) => {
			await tx.unsafe(insert('own'));
			return read(tx);
		});
		expect([...within]).toEqual([{ idle: '2s', statement: '10s' }]);
		expect([...(await read(program))]).toEqual([{ idle: '2s', statement: '1h' }]);
	});

	test('may say beforehand that it needs longer', async () => {
		const [bounds] = await program.begin(async (tx) => {
			await tx`set local logline.hold_ms = 600000`;
			await tx.unsafe(insert('import'));
			return tx`select current_setting('idle_in_transaction_session_timeout') as idle`;
		});
		expect(bounds).toEqual({ idle: '10min' });
	});
});

test('one statement that inserts for longer than the bound is not cancelled', async () => {
	await program.begin(async (tx) => {
		await tx.unsafe('set local logline.hold_ms = 100');
		await tx`insert into events (topic, data) select 'long', '1' from (select pg_sleep(0.4)) as slow`;
	});
	expect(await topics()).toEqual(['long']);
});
