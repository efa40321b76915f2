/** The log has moved, or its server restarts after a crash: no id is given out twice. */
import { afterEach, expect, inject, test } from 'vitest';
import { migrate } from '../../drizzle/migrate.ts';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createTestDatabase } from '../support/database.ts';
import { startServer } from '../support/private-server.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
});

function connect(url: string): Sql {
	const sql = openClient(url, { max: 1, name: 'test sql' });
	ends.push(() => sql.end());
	return sql;
}

/** Creates a log with five events. */
async function openLog(): Promise<{ sql: Sql; url: string; name: string }> {
	const { url, name } = await createTestDatabase();
	const sql = connect(url);
	for (let n = 1; n <= 5; n++) await sql`insert into events (topic, data) values ('a', ${n})`;
	return { sql, url, name };
}

const append = async (sql: Sql) => {
	const [row] = await sql<{ id: string }[]>`
		insert into events (topic, data) values ('a', '"new"') returning id`;
	return BigInt(row!.id);
};

const holes = (sql: Sql) => sql`select after::int, upto::int from log_holes order by upto`;

test('a copy of the log, as a restore makes one, gives no id that the original may have given since', async () => {
	const { name, url } = await openLog();
	await Promise.all(ends.splice(0).map((end) => end()));
	const admin = connect(inject('testServer').url);
	await admin.unsafe(`create database ${name}_copy template ${name}`);
	ends.push(() => admin.unsafe(`drop database ${name}_copy with (force)`));
	const copy = new URL(url);
	copy.pathname += '_copy';
	const sql = connect(copy.href);
	expect(await append(sql)).toBeGreaterThan(1_000_000n);
	expect(await holes(sql)).toEqual([{ after: 5, upto: Number(await append(sql)) - 2 }]);
});

test('a log that stays where it is leaves no id out', async () => {
	const { sql } = await openLog();
	expect(await append(sql)).toBe(6n);
	expect(await holes(sql)).toEqual([]);
});

test('a sequence that was set back is lifted above what is there', async () => {
	const { sql } = await openLog();
	await sql`alter sequence events_id_seq restart`;
	expect(await append(sql)).toBeGreaterThan(5n);
});

test('the first INSERT at another place finds a partition, however few ids are left', async () => {
	const { sql } = await openLog();
	const [row] = await sql<{ last: string }[]>`select logline_last_partitioned() as last`;
	const last = BigInt(row!.last);
	await sql`select setval('events_id_seq', ${String(last - 50_000n)}::bigint)`;
	await sql`update log_state set place = 'elsewhere'`;
	expect(await append(sql)).toBe(last - 49_999n);
	// Through the other door, too.
	await sql`update log_state set place = 'elsewhere'`;
	const [appended] = await sql<{ ids: string[] }[]>`
		select ids::text[] from logline_append(null, '{a}', '{null}'::text[], '{1}'::jsonb[])`;
	expect(BigInt(appended!.ids[0]!)).toBeGreaterThan(last - 49_999n);
});

test('a crash takes back nothing that readers have seen, though the server commits asynchronously', async () => {
	const server = await startServer({
		synchronous_commit: 'off',
		// WAL that is not flushed explicitly stays in memory.
		wal_writer_delay: '10s',
		wal_writer_flush_after: '0',
		fsync: 'off'
	});
	ends.push(() => server.remove());
	await migrate(server.url);
	const before = openClient(server.url, { max: 1, name: 'test sql' });
	await before`checkpoint`;
	const id = await append(before);
	await server.kill9();
	await before.end();
	await server.start();
	const sql = connect(server.url);
	expect((await sql`select max(id)::int as id from events`)[0]).toEqual({ id: Number(id) });
});
