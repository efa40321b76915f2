/** The commands of package.json, as somebody at a terminal sees them. */
import { spawn } from 'node:child_process';
import { appendFile, cp, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';

interface Outcome {
	code: number | null;
	out: string;
	err: string;
}

function command(
	name: string,
	args: string[],
	options: { env?: Record<string, string>; cwd?: string; input?: string } = {}
): Promise<Outcome> {
	const root = process.cwd();
	const child = spawn(
		process.execPath,
		['--import', 'tsx', join(options.cwd ?? root, `src/bin/${name}.ts`), ...args],
		{ cwd: options.cwd ?? root, env: { ...process.env, ...options.env }, stdio: 'pipe' }
	);
	child.stdin.end(options.input ?? '');
	let out = '';
	let err = '';
	child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
	child.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()));
	return new Promise((resolve, reject) => {
		child.once('error', reject);
		child.once('close', (code) => resolve({ code, out, err }));
	});
}

describe('npm run sql', () => {
	it('shows what each statement answers, aligned, with the number of rows', async () => {
		const { url } = await createTestDatabase();
		const { code, out } = await command(
			'sql',
			[`select 7 as n, 'ä;' as text, null as nothing union all select 1234, E'two\\nlines', ''; `],
			{ env: { DATABASE_URL: url } }
		);
		expect(out.trimEnd().split('\n')).toEqual([
			' n    | text      | nothing',
			'------+-----------+---------',
			'    7 | ä;        | ∅',
			' 1234 | two↵lines |',
			'(2 rows)'
		]);
		expect(code).toBe(0);
	});

	it('runs several statements, and publishes with a plain INSERT', async () => {
		const { url } = await createTestDatabase();
		const { code, out } = await command(
			'sql',
			[`insert into events (topic, data) values ('logs', '{}'); select topic from events`],
			{ env: { DATABASE_URL: url } }
		);
		expect(out).toMatch(/^INSERT 1\n topic\n-+\n logs\n\(1 row\)\n$/);
		expect(code).toBe(0);
	});

	it('says what is wrong, where, and what to do, and fails', async () => {
		const { url } = await createTestDatabase();
		const env = { DATABASE_URL: url };
		const wrong = await command('sql', ['select 1,\n\tnope from users'], { env });
		expect(wrong.err).toBe(
			'ERROR: column "nope" does not exist (42703)\nLINE 2: \tnope from users\n        \t^\n'
		);
		expect(wrong.code).toBe(1);
		const late = await command(
			'sql',
			[
				`begin; delete from users; insert into demo_ticks values ('a', 1); insert into events (topic, data) values ('logs', '{}')`
			],
			{ env }
		);
		expect(late.err).toContain('HINT: Inside a larger transaction, insert the same columns into');
		expect(late.code).toBe(1);
	});

	it('reads statements over several lines from its input', async () => {
		const { url } = await createTestDatabase();
		const { code, out, err } = await command('sql', [], {
			env: { DATABASE_URL: url },
			input: "begin;\nselect 'a;\nb'\n as x;\nrollback;\n\\q\nselect 'not run';"
		});
		expect(err).toBe('');
		expect(out).toBe('BEGIN\n x\n------\n a;↵b\n(1 row)\nROLLBACK\n');
		expect(code).toBe(0);
	});

	it('says which database is away, without its password', async () => {
		const { code, err } = await command('sql', ['select 1'], {
			env: { DATABASE_URL: 'postgres://me:secret@127.0.0.1:1/mine' }
		});
		expect(err).toContain('127.0.0.1:1');
		expect(err).not.toContain('secret');
		expect(code).toBe(1);
	});
});

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
	it('fails when the schema says something that migrations do not, and leaves them alone', async () => {
		const root = await mkdtemp(join(tmpdir(), 'logline-drift-test-'));
		try {
			for (const name of ['src', 'drizzle', 'migrations', 'package.json', 'tsconfig.json']) {
				await cp(name, join(root, name), { recursive: true });
			}
			for (const name of ['node_modules', '.svelte-kit']) {
				await symlink(join(process.cwd(), name), join(root, name));
			}
			expect(await command('schema-drift', [], { cwd: root })).toMatchObject({ code: 0 });
			await appendFile(
				join(root, 'drizzle/schema.server.ts'),
				"export const extra = pgTable('extra', { name: text('name') });\n"
			);
			const { code, err } = await command('schema-drift', [], { cwd: root });
			expect(code).toBe(1);
			expect(err).toContain('npm run db:generate');
			expect(err).toContain('CREATE TABLE "extra"');
			expect(await readdir(join(root, 'migrations'))).toEqual(await readdir('migrations'));
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
