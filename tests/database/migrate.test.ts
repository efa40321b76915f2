import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { migrate } from '../../drizzle/migrate.ts';
import { openClient } from '../../src/app/driver-client.ts';
import { createTestDatabase } from '../support/database.ts';
import { startServer } from '../support/private-server.ts';

describe('migrations', () => {
	it('ten hosts that start at once on an empty database all succeed, and each migration runs once', async () => {
		const { url } = await createTestDatabase({ empty: true });
		await Promise.all(Array.from({ length: 10 }, () => migrate(url)));
		const sql = openClient(url, { max: 1, name: 'test' });
		try {
			const [count] = await sql`
				select (select count(*)::int from logline_migrations) as log, (select count(*)::int from app_migrations) as app`;
			const files = async (folder: string) =>
				(await readdir(folder)).filter((name) => name.endsWith('.sql')).length;
			expect(count).toEqual({ log: await files('migrations/log'), app: await files('migrations') });
			const [state] = await sql`select count(*)::int as rows from log_state`;
			expect(state?.rows).toBe(1);
		} finally {
			await sql.end();
		}
	});

	it('a second run changes nothing', async () => {
		const { url } = await createTestDatabase();
		const sql = openClient(url, { max: 1, name: 'test' });
		try {
			const look = () => sql`
				select (select epoch from log_state), (select count(*)::int from logline_migrations),
					(select count(*)::int as own from app_migrations)`;
			const before = await look();
			await migrate(url);
			expect(await look()).toEqual(before);
		} finally {
			await sql.end();
		}
	});

	it('waits for a database that is still starting', async () => {
		const server = await startServer();
		try {
			await server.stop();
			const migrating = migrate(server.url);
			await server.start();
			await migrating;
		} finally {
			await server.remove();
		}
	});

	it('gives up on a database that stays away, names it, and keeps the password to itself', async () => {
		const server = createServer();
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		const { port } = server.address() as { port: number };
		await new Promise((resolve) => server.close(resolve));
		const failure = await migrate(`postgres://me:secret@127.0.0.1:${port}/mine`, {
			timeoutMs: 300
		}).catch(String);
		expect(failure).toContain(`127.0.0.1:${port}/mine did not answer within`);
		expect(failure).not.toContain('secret');
	});

	it('says at once when the database does not exist', async () => {
		const url = new URL((await createTestDatabase()).url);
		url.pathname = '/no_such_database';
		await expect(migrate(url.href)).rejects.toThrow(/no_such_database refuses us.*does not exist/);
	});

	it('says where to start when there are no migrations here', async () => {
		await expect(
			migrate('postgres://127.0.0.1/none', { folder: '/nowhere/migrations' })
		).rejects.toThrow('Start Logline from the folder of its package.json');
	});

	/** Applies a folder with these files as the app's migrations. Returns what is told of them. */
	async function apply(url: string, files: Record<string, string>) {
		const folder = await mkdtemp(join(tmpdir(), 'logline-migrations-'));
		try {
			for (const [name, text] of Object.entries(files)) {
				await writeFile(join(folder, `${name}.sql`), text);
			}
			const { applied, unknown } = await migrate(url, { folder });
			return { applied: applied.filter((name) => !name.startsWith('log/')), unknown };
		} finally {
			await rm(folder, { recursive: true });
		}
	}
	const first = { '0000_a': 'create table a (\n\ti int);', '0002_c': 'create table c (i int)' };

	it('one that came with a merged branch, older than what was applied, is applied', async () => {
		const { url } = await createTestDatabase({ empty: true });
		expect((await apply(url, first)).applied).toEqual(['0000_a', '0002_c']);
		const merged = { ...first, '0001_b': 'create table b (i int)' };
		expect((await apply(url, merged)).applied).toEqual(['0001_b']);
		expect((await apply(url, merged)).applied).toEqual([]);
	});

	it('one that was changed after it was applied is refused by name, and nothing else is done', async () => {
		const { url } = await createTestDatabase({ empty: true });
		await apply(url, first);
		const changed = { ...first, '0000_a': 'create table a (i bigint);', '0003_d': 'select 1' };
		await expect(apply(url, changed)).rejects.toThrow(/0000_a\.sql was changed after/);
		// Different line endings are no change.
		const windows = { ...first, '0000_a': first['0000_a'].replace('\n', '\r\n') };
		expect((await apply(url, windows)).applied).toEqual([]);
	});

	it('one that fails is named with its line, leaves nothing behind, and those before it stay', async () => {
		const { url } = await createTestDatabase({ empty: true });
		const failing = { ...first, '0003_d': 'create table d (i int);\nselect nothing' };
		await expect(apply(url, failing)).rejects.toThrow(/0003_d\.sql, line 2 cannot be applied/);
		const cured = { ...first, '0003_d': 'create table d (i int)' };
		expect((await apply(url, cured)).applied).toEqual(['0003_d']);
	});

	it('an index can be made concurrently, by a migration that says that it needs no transaction', async () => {
		const { url } = await createTestDatabase({ empty: true });
		await apply(url, first);
		const index = '-- logline: no transaction\ncreate index concurrently a_i on a (i)';
		expect((await apply(url, { ...first, '0003_d': index })).applied).toEqual(['0003_d']);
	});

	it('a database that a newer version has migrated is left as it is, and says so', async () => {
		const { url } = await createTestDatabase({ empty: true });
		await apply(url, first);
		const { applied, unknown } = await apply(url, { '0000_a': first['0000_a'] });
		expect({ applied, unknown }).toEqual({ applied: [], unknown: ['0002_c'] });
	});

	it('the migrations of another program in the same database are neither read nor touched', async () => {
		const { url } = await createTestDatabase({ empty: true });
		const sql = openClient(url, { max: 1, name: 'test' });
		try {
			await sql.unsafe(`create schema drizzle; create table drizzle.__drizzle_migrations
				(id serial primary key, hash text not null, created_at bigint);
				insert into drizzle.__drizzle_migrations (hash, created_at) values ('theirs', 9999999999999)`);
			expect((await migrate(url)).applied).toEqual(
				expect.arrayContaining(['log/0001_append', '0001_sessions'])
			);
			expect(await sql`select hash from drizzle.__drizzle_migrations`).toEqual([
				{ hash: 'theirs' }
			]);
		} finally {
			await sql.end();
		}
	});

	it.each([
		['that has bigint ids', 'alter table events alter user_id type bigint using user_id::bigint'],
		['without a ledger', 'drop table logline_migrations']
	])(
		'a database of before the first release, %s, is left as it is, and one sentence says what to do',
		async (_, change) => {
			const { url } = await createTestDatabase();
			const sql = openClient(url, { max: 1, name: 'test' });
			try {
				await sql.unsafe(`drop index events_replay_idx;
					alter table events drop constraint events_bounds_check;
					delete from app_migrations; ${change}`);
				await expect(migrate(url)).rejects.toThrow(
					/^This database is from before [^.]* \(.* move \.data away\) and start again\.$/
				);
				expect(await sql`select from app_migrations`).toHaveLength(0);
			} finally {
				await sql.end();
			}
		}
	);
});
