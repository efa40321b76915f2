/** `npm run sql`, as a user at a terminal sees it. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { openHistory } from '../../src/commands/sql/history.ts';
import { openClient } from '../../src/app/driver-client.ts';
import { command } from '../support/command.ts';
import { createTestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

// Each test starts programs, on a machine that may be busy.
vi.setConfig({ testTimeout: 240_000 });

const database = async () => ({ DATABASE_URL: (await createTestDatabase()).url });

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
				`begin; create table first_write (); insert into events (topic, data) values ('logs', '{}')`
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

	it('copies data out and in', async () => {
		const env = await database();
		const rows = '1,one\n2,"t,wo"\n';
		await command('sql', ['create table t (n int, x text)'], { env });
		const copied = await command('sql', ['copy t from stdin (format csv)'], { env, input: rows });
		expect(copied).toEqual({ code: 0, out: '', err: '' });
		const out = await command('sql', ['copy (select * from t order by n) to stdout (format csv)'], {
			env
		});
		expect(out).toEqual({ code: 0, out: rows, err: '' });

		const script = 'copy t from stdin;\n3\tthree\n\\.\nselect max(n) from t;\n';
		expect((await command('sql', [], { env, input: script })).out).toContain('   3\n');
		const wrong = await command('sql', ['copy t from stdin'], { env, input: 'three\n' });
		expect(wrong.err).toContain('invalid input syntax for type integer');
		expect(wrong.code).toBe(1);
	});

	it('runs the next statement, whatever was wrong with the last', async () => {
		const { code, out, err } = await command('sql', [], {
			env: await database(),
			input:
				'\\nothing\n\\d nowhere\nselect nope;\n\\x\nselect 1 as n;\n\\x\nselect 2 as n; select 3 as n;\n'
		});
		expect(err).toContain('\\nothing is not known here.');
		expect(err).toContain('relation "nowhere" does not exist');
		expect(err).toContain('column "nope" does not exist');
		expect(out).toContain('-[ 1 ]-\nn | 1\n');
		expect(out).toMatch(/ n\n---\n 2\n\(1 row\)\n n\n---\n 3\n\(1 row\)\n$/);
		expect(code).toBe(1);
	});

	it('lists tables and functions with what is said of them, and describes one', async () => {
		const { code, out, err } = await command('sql', [], {
			env: await database(),
			input: '\\dt\n\\d events\n\\d\n\\df\n\\?\n'
		});
		expect(err).toBe('');
		expect(out).toMatch(/ events +\| partitioned table +\| \w+/);
		expect(out).toMatch(/ topic +\| text +\| not null +\|/);
		expect(out).toMatch(/Indexes:\n[^]*events_pkey/);
		expect(out).toMatch(/Triggers:\n[^]*CREATE TRIGGER/);
		expect(out).toMatch(/ events_id_seq +\| sequence/);
		expect(out).toMatch(/ logline_\w+ +\| /);
		expect(out).toContain('leaves; so does Ctrl-D');
		expect(code).toBe(0);
	});

	it('cancels the statement that runs at Ctrl-C, also while it shows rows, and goes on', async () => {
		const env = await database();
		const sql = openClient(env.DATABASE_URL, { max: 1, name: 'sql test' });
		const interrupted = command('sql', [], {
			env,
			input: `select pg_sleep(600); select 'next' as x;`,
			onStart: (child) =>
				void until(
					() =>
						sql`select from pg_stat_activity where datname = current_database() and query = 'select pg_sleep(600);' and state = 'active'`.then(
							({ length }) => length
						),
					{ what: 'it runs', timeoutMs: 30_000 }
				).then(() => child.kill('SIGINT'))
		});
		const { code, out, err } = await interrupted;
		expect(err).toContain('canceling statement due to user request');
		expect(out).toContain('next');
		expect(code).toBe(1);

		let seen = false;
		const endless = await command('sql', ['select generate_series(1, 2000000000) n; select 1'], {
			env,
			onStart: (child) =>
				child.stdout!.on('data', () => {
					if (!seen) child.kill('SIGINT');
					seen = true;
				})
		});
		expect(endless.err).toContain('canceling statement due to user request');
		expect(endless.code).toBe(1);
		await sql.end();
	});

	it('is quiet when whoever reads it has seen enough', async () => {
		const env = { ...process.env, ...(await database()) };
		const text = 'select n from generate_series(1, 100000) n';
		const child = spawn(
			'sh',
			['-c', `"$0" --import tsx src/commands/sql.ts "$1" | head -n 3`, process.execPath, text],
			{ env }
		);
		let said = '';
		for (const stream of [child.stdout, child.stderr]) {
			stream.setEncoding('utf8').on('data', (part: string) => (said += part));
		}
		await new Promise((resolve) => child.once('close', resolve));
		expect(said.split('\n')).toHaveLength(4);
		expect(said).not.toContain('EPIPE');
	});

	it('tells what it can do, the address, and what is wrong with the command line', async () => {
		const env = await database();
		const help = await command('sql', ['--help'], { env });
		expect(help).toMatchObject({ code: 0, err: '' });
		expect(help.out).toContain('--psql');
		expect(await command('sql', ['--url'], { env })).toEqual({
			code: 0,
			out: `${env.DATABASE_URL}\n`,
			err: ''
		});
		const wrong = await command('sql', ['--cvs', 'select 1'], { env });
		expect(wrong.err).toContain("'--cvs'");
		expect(wrong.err).toContain('--csv');
		expect(wrong.code).toBe(2);
		expect((await command('sql', ['--csv', '--json', 'select 1'], { env })).code).toBe(2);
	});

	it('opens psql where it is installed, and says so where it is not', async () => {
		const env = await database();
		const nowhere = await command('sql', ['--psql'], { env: { ...env, PATH: '/nonexistent' } });
		expect(nowhere.err).toContain('psql is not installed.');
		expect(nowhere.code).toBe(1);
		if (!(process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, 'psql')))) {
			return;
		}
		const psql = await command('sql', ['--psql', '-Atc', 'select 40 + 2'], { env });
		expect(psql).toEqual({ code: 0, out: '42\n', err: '' });
	});
});

it('remembers lines from prompt to prompt, for their user alone, and none with a password', async () => {
	const folder = await mkdtemp(join(tmpdir(), 'logline-history-'));
	try {
		const env = { XDG_STATE_HOME: folder };
		const history = openHistory(env);
		expect(history.lines).toEqual([]);
		for (const line of [
			'select 1;',
			'',
			`alter role me password 'x';`,
			'postgres://me:geheim@host/db',
			'select 2;'
		]) {
			history.remember(line);
		}
		expect(openHistory(env).lines).toEqual(['select 1;', 'select 2;']);
		const file = join(folder, 'logline/sql_history');
		expect(await readFile(file, 'utf8')).toBe('select 1;\nselect 2;\n');
		expect((await stat(file)).mode & 0o777).toBe(0o600);
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
});
