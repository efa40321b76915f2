import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { migrate } from '../../drizzle/migrate.ts';
import { openClient } from '../../src/lib/server/database/client.ts';
import { createTestDatabase } from '../support/database.ts';
import { startServer } from '../support/private-server.ts';

describe('migrations', () => {
	it('ten hosts that start at once on an empty database all succeed, and each migration runs once', async () => {
		const { url } = await createTestDatabase({ empty: true });
		await Promise.all(Array.from({ length: 10 }, () => migrate(url)));
		const sql = openClient(url, { max: 1, name: 'test' });
		try {
			const [count] = await sql`
				select count(*)::int as rows, count(distinct hash)::int as migrations from drizzle.__drizzle_migrations`;
			expect(count?.rows).toBeGreaterThan(0);
			expect(count?.rows).toBe(count?.migrations);
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
				select (select epoch from log_state), (select count(*)::int from drizzle.__drizzle_migrations)`;
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
});
