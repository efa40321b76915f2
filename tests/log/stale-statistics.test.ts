/** While the lock of the log is held, no plan may depend on what the planner believes of the tables. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { databaseUrl, useDeclaredLog } from './declared-log.ts';

useDeclaredLog();

const GRANTS = 20_000;
const TABLES = ['grants', 'grant_history', 'grant_losses', 'outbox'];

/** One connection: it can report its own figures at once, and those of others arrive late. */
let sql: Sql;
beforeAll(() => {
	sql = openClient(databaseUrl(), { max: 1, name: 'test sql' });
});
afterAll(() => sql.end());

/** Rows that were read by reading tables from beginning to end. */
async function readWhole(): Promise<number> {
	await sql`select pg_stat_force_next_flush()`;
	const [row] = await sql<{ rows: number }[]>`
		select sum(seq_tup_read)::int as rows from pg_stat_user_tables where relname = any (${TABLES})`;
	return row!.rows;
}

/** Moves everything that waits, as the relay of a server does. */
async function relay(): Promise<void> {
	for (;;) {
		const [page] = await sql<{ moved: number; more: boolean }[]>`
			select moved, more from logline_relay()`;
		if (page!.moved === 0 && !page!.more) return;
	}
}

test('grants that are given and taken back are looked up, although the statistics are of empty tables', async () => {
	for (const table of TABLES) {
		await sql.unsafe(`alter table ${table} set (autovacuum_enabled = false)`);
		await sql.unsafe(`vacuum analyze ${table}`);
	}
	const open = () => sql`select count(*)::int as rows from grant_history where until_id is null`;
	await sql`insert into grants (scope, user_id)
		select 'rooms/' || n % 10, 'user ' || n from generate_series(1, ${GRANTS}::int) as n`;
	let before = await readWhole();
	await relay();
	expect((await readWhole()) - before).toBeLessThan(GRANTS / 10);
	expect(await open()).toEqual([{ rows: GRANTS }]);
	await sql`delete from grants where scope = 'rooms/1'`;
	before = await readWhole();
	await relay();
	expect((await readWhole()) - before).toBeLessThan(GRANTS / 10);
	expect(await open()).toEqual([{ rows: GRANTS * 0.9 }]);
});
