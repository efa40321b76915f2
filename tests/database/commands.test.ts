/** The commands of package.json, as a user at a terminal sees them. */
import {
	appendFile,
	cp,
	mkdtemp,
	readdir,
	readFile,
	rm,
	symlink,
	writeFile
} from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command } from '../support/command.ts';
import { createTestDatabase } from '../support/database.ts';
import { openClient } from '../../src/app/driver-client.ts';

describe('npm run db:*', () => {
	it('db:migrate brings an empty database up to date, and can be repeated', async () => {
		const { url } = await createTestDatabase({ empty: true });
		const env = { DATABASE_URL: url };
		for (let round = 0; round < 2; round++) {
			const ended = await command('migrate', [], { env, translate: round === 0 });
			expect(ended).toMatchObject({ code: 0, err: '' });
		}
		const sql = openClient(url, { max: 1, name: 'test sql' });
		expect(await sql`select from log_state`).toHaveLength(1);
		await sql.end();
	});

	it('db:rotate-epoch changes the epoch and shows the new one', async () => {
		const { url } = await createTestDatabase();
		const sql = openClient(url, { max: 1, name: 'test sql' });
		const epoch = async () =>
			(await sql<{ epoch: string }[]>`select epoch from log_state`)[0]!.epoch;
		const before = await epoch();
		const env = { DATABASE_URL: url };
		const { code, out } = await command('rotate-epoch', [], { env, translate: true });
		const after = await epoch();
		await sql.end();
		expect(code).toBe(0);
		expect(after).not.toBe(before);
		expect(after).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
		expect(out).toContain(after);
	});
});

describe('npm run dead-letters', () => {
	it('lists, shows, tries again and drops what was set aside', async () => {
		const { url } = await createTestDatabase();
		const env = { DATABASE_URL: url };
		const sql = openClient(url, { max: 1, name: 'test sql' });
		const run = (...args: string[]) => command('dead-letters', args, { env });
		try {
			const none = await command('dead-letters', [], { env, translate: true });
			expect(none).toEqual({ code: 0, out: 'Nothing was set aside.\n', err: '' });
			await sql`insert into events (topic, data) values ('a', '1')`;
			await sql`
				insert into dead_letters (consumer, event_id, topic, data, created_at, error, key) values
					(null, null, 'a', '{"x": 1}', now(), 'it was refused', 'once'),
					('mail', 1, 'a', '1', now(), ${'it failed\u001b[31m'}, null),
					('mail', 99, 'a', '1', now(), 'it was trimmed', null),
					(null, null, 'a', '2', now(), 'again', null)`;
			const { out } = await run('list');
			expect(out.split('\n').map((line) => line.slice(0, 3))).toEqual([
				'1  ',
				'2  ',
				'3  ',
				'4  ',
				''
			]);
			expect(out).toContain('consumer "mail", event 1  a  it failed');
			expect(out, 'a terminal obeys nothing of it').not.toContain('\u001b');
			expect((await run('show', '1')).out).toContain('data:       {"x": 1}');
			expect((await run('drop', '4')).code).toBe(0);

			// Once it had read the topic, and now it does not run.
			await sql`insert into consumers (name, topic, position, moved_at) values ('mail', 'a', 1, now() - interval '3 hours')`;
			const early = await run('retry', '2');
			expect(early.code).toBe(1);
			expect(early.err).toContain('2 stays: consumer "mail" has not read this topic');
			expect(await sql`select from consumer_failures`).toHaveLength(0);
			expect(await sql`select from dead_letters where id = 2`).toHaveLength(1);

			await sql`update consumers set moved_at = now()`;
			const { code, err, out: tried } = await run('retry', 'all');
			expect(tried).toContain('within a second, or when it runs next');
			expect(code, 'one could not be tried').toBe(1);
			expect(err).toContain('3 stays: its event 99 is not in the log any more');
			expect([...(await sql`select topic, data, key from outbox`)]).toEqual([
				{ topic: 'a', data: { x: 1 }, key: 'once' }
			]);
			expect([...(await sql`select name, event_id, attempts from consumer_failures`)]).toEqual([
				{ name: 'mail', event_id: '1', attempts: 0 }
			]);
			expect([...(await sql`select id from dead_letters`)]).toEqual([{ id: '3' }]);
			expect((await run('retry', '7')).err).toContain('There is no dead letter 7');
			expect((await run('eat', '7')).code).toBe(2);
		} finally {
			await sql.end();
		}
	});
});

describe('npm run lint', () => {
	/** A copy of the sources, in which a test may break something. It mends it in the end. */
	let root: string;

	beforeAll(async () => {
		root = await mkdtemp(join(tmpdir(), 'logline-drift-test-'));
		for (const name of ['src', 'drizzle', 'migrations', 'package.json', 'tsconfig.json']) {
			await cp(name, join(root, name), { recursive: true });
		}
		for (const name of ['node_modules', '.svelte-kit']) {
			await symlink(join(process.cwd(), name), join(root, name));
		}
	});
	afterAll(() => rm(root, { recursive: true, force: true }));

	it('passes when schemas, migrations and the module with the log’s SQL say the same', async () => {
		expect(await command('schema-drift', [], { cwd: root })).toMatchObject({ code: 0 });
	});

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
		const whole = await readFile(file);
		try {
			await appendFile(join(root, file), more);
			const { code, err } = await command('schema-drift', [], { cwd: root });
			expect(code).toBe(1);
			expect(err).toContain('npm run db:generate');
			expect(err).toContain(told);
			const names = (folder: string) => readdir(folder, { recursive: true });
			expect(await names(join(root, 'migrations'))).toEqual(await names('migrations'));
		} finally {
			await writeFile(join(root, file), whole);
		}
	});
});

describe('npm start', () => {
	it('says that the port is taken before it builds', async () => {
		const other = createServer();
		await new Promise<void>((resolve) => other.listen(0, resolve));
		const { port } = other.address() as AddressInfo;
		try {
			const env = { PORT: String(port) };
			const { code, out, err } = await command('start', [], { env, translate: true });
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
