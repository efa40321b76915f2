/** The commands of package.json, as a user at a terminal sees them. */
import { appendFile, cp, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { command } from '../support/command.ts';
import { createTestDatabase } from '../support/database.ts';

describe('npm run db:*', () => {
	it('db:migrate brings an empty database up to date, and can be repeated', async () => {
		const { url } = await createTestDatabase({ empty: true });
		const env = { DATABASE_URL: url };
		for (let round = 0; round < 2; round++) {
			expect(await command('migrate', [], { env })).toMatchObject({ code: 0, err: '' });
		}
		const { out } = await command('sql', ['select count(*) as rows from log_state'], { env });
		expect(out).toContain('    1\n');
	});

	it('db:rotate-epoch changes the epoch and shows the new one', async () => {
		const { url } = await createTestDatabase();
		const env = { DATABASE_URL: url };
		const epoch = async () =>
			/[0-9a-f]{8}-[0-9a-f-]{27}/.exec(
				(await command('sql', ['select epoch from log_state'], { env })).out
			)?.[0];
		const before = await epoch();
		const { code, out } = await command('rotate-epoch', [], { env });
		const after = await epoch();
		expect(code).toBe(0);
		expect(after).not.toBe(before);
		expect(out).toContain(String(after));
	});
});

describe('npm run lint', () => {
	it.each([
		[
			'the app’s schema says something that its migrations do not',
			'drizzle/app.server.ts',
			"export const extra = pgTable('extra', { name: text('name') });\n",
			'CREATE TABLE "extra"'
		],
		[
			'the log’s schema says something that its migrations do not',
			'drizzle/log.server.ts',
			"export const extra = pgTable('extra', { name: text('name') });\n",
			'CREATE TABLE "extra"'
		],
		[
			'the module with the log’s SQL is stale',
			'migrations/log/0005_comments.sql',
			'\n',
			'src/lib/server/schema/migrations.ts differ'
		]
	])('fails when %s, and leaves the migrations alone', async (_, file, more, told) => {
		const root = await mkdtemp(join(tmpdir(), 'logline-drift-test-'));
		try {
			for (const name of ['src', 'drizzle', 'migrations', 'package.json', 'tsconfig.json']) {
				await cp(name, join(root, name), { recursive: true });
			}
			for (const name of ['node_modules', '.svelte-kit']) {
				await symlink(join(process.cwd(), name), join(root, name));
			}
			expect(await command('schema-drift', [], { cwd: root })).toMatchObject({ code: 0 });
			await appendFile(join(root, file), more);
			const { code, err } = await command('schema-drift', [], { cwd: root });
			expect(code).toBe(1);
			expect(err).toContain('npm run db:generate');
			expect(err).toContain(told);
			const names = (folder: string) => readdir(folder, { recursive: true });
			expect(await names(join(root, 'migrations'))).toEqual(await names('migrations'));
		} finally {
			await rm(root, { recursive: true, force: true });
		}
	});
});

describe('npm start', () => {
	it('says that the port is taken before it builds', async () => {
		const other = createServer();
		await new Promise<void>((resolve) => other.listen(0, resolve));
		const { port } = other.address() as AddressInfo;
		try {
			const { code, out, err } = await command('start', [], { env: { PORT: String(port) } });
			expect(err).toContain(`Another program listens on port ${port}`);
			expect(out).toBe('');
			expect(code).toBe(1);
		} finally {
			await new Promise((resolve) => other.close(resolve));
		}
	});

	it('says which variable of the environment is wrong', async () => {
		expect(await command('start', [], { env: { PORT: 'http' } })).toMatchObject({
			code: 1,
			err: 'PORT must be a whole number from 1 to 65535, not "http"\n'
		});
		const { code, err } = await command('start', [], { env: { SSE_RETRY_MS: 'soon' } });
		expect(err).toContain('SSE_RETRY_MS must be a whole number of milliseconds');
		expect(code).toBe(1);
	});
});
