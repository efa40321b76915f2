/** Which errors of Postgres are passing. Tested with a real Postgres, because two of them share a code. */
import { expect, test } from 'vitest';
import { isTransient } from '../../src/lib/server/database/transient.ts';
import { sql, useEmptiedLog } from './emptied-log.ts';

useEmptiedLog();

/** Returns the error of the statements of one transaction. */
const answer = (...statements: string[]): Promise<unknown> =>
	sql
		.begin(async (tx) => {
			for (const statement of statements) await tx.unsafe(statement);
		})
		.catch((error: unknown) => error);

const INSERT = "insert into events (topic, data) values ('a', '1')";

test('a log without a partition for the next event is in trouble, but not for ever', async () => {
	const [row] = await sql`select last_value::text as last from events_id_seq`;
	await sql`select setval('events_id_seq', 9000000000000)`;
	const error = await answer(INSERT);
	await sql`select setval('events_id_seq', ${row!.last as string}::bigint)`;
	expect(error).toMatchObject({ code: '23514' });
	expect(isTransient(error)).toBe(true);
});

test('an event that the table refuses will be refused the next time, too', async () => {
	await sql`alter table events add constraint own_check check (topic <> 'refused')`;
	const error = await answer("insert into events (topic, data) values ('refused', '1')");
	await sql`alter table events drop constraint own_check`;
	expect(error).toMatchObject({ code: '23514', constraint_name: 'own_check' });
	expect(isTransient(error)).toBe(false);
});

test('what a trigger of the application refuses with the code of a CHECK will be refused the next time, too', async () => {
	await sql`create function refuse() returns trigger language plpgsql as $$
		begin raise check_violation; end $$`;
	await sql`create trigger refuse before insert on events for each row execute function refuse()`;
	const error = await answer(INSERT);
	await sql`drop function refuse() cascade`;
	expect(error).toMatchObject({ code: '23514' });
	expect(isTransient(error)).toBe(false);
});

test('a database that is read-only for now takes the event later', async () => {
	const error = await answer('set transaction read only', INSERT);
	expect(error).toMatchObject({ code: '25006' });
	expect(isTransient(error)).toBe(true);
});

test('a server that is out of memory, disk or connections is not out of them for ever', () => {
	for (const code of ['53100', '53200', '53300', '53400', '58030', '25P03', '25P04']) {
		expect(isTransient({ code }), code).toBe(true);
	}
	for (const code of ['22P02', '23505', '42P01', '54000', 'P0001']) {
		expect(isTransient({ code }), code).toBe(false);
	}
});
