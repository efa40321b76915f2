import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, inject, it, test } from 'vitest';
import { freePort } from '../../src/embedded-postgres/cluster.ts';
import type { BuiltApp } from '../support/built-app.ts';
import { runningProcesses, type Running } from '../support/processes.ts';
import { copyProject } from '../support/project-copy.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';
import { signUp } from './account.ts';
import { Stage } from './stage.ts';

const GRACE_MS = 4000;
const env = { SHUTDOWN_GRACE_MS: String(GRACE_MS) };

const stage = Stage.forEachTest();

const clients: StreamClient[] = [];
const folders: string[] = [];
afterEach(async () => {
	for (const client of clients.splice(0)) client.close();
	for (const folder of folders.splice(0)) await removeProject(folder);
});

describe('a server that is asked to end while streams are open', () => {
	it('ends within its grace, and the browser goes on when it is back', async () => {
		const app = await stage.start({ env });
		const reader = await stage.openPage();
		await reader.signUp(app.url, 'ada');
		const streams = await openStreams(app, 'bea');

		const exit = await app.terminate();
		expect(exit).toMatchObject({ code: 0, signal: null });
		expect(exit.ms).toBeLessThan(GRACE_MS);
		await until(() => streams.every((stream) => stream.ended));

		await stage.publish('notifications', 'Written while no server ran');
		await app.restart();
		await reader.shows('Notifications', 'Written while no server ran');
		expect(await reader.counter('Notifications')).toBe(1);
	});

	it.each([
		{
			what: 'npm start',
			nodeEnv: 'production',
			command: () => ['--import', 'tsx', 'src/commands/start.ts']
		},
		{ what: 'npm run dev', nodeEnv: 'development', command: dev }
	])(
		'$what ends its own database, after the application',
		{ timeout: 240_000 },
		async ({ nodeEnv, command }) => {
			const cwd = await ownProject();
			const app = await stage.start({
				databaseUrl: null,
				cwd,
				command,
				env: { ...env, NODE_ENV: nodeEnv }
			});
			await openStreams(app, 'ada');
			const postgres = await readPostmaster(cwd);
			expect(await isRunning(postgres)).toBe(true);

			const exit = await app.terminate();
			expect(exit.ms).toBeLessThan(GRACE_MS);
			expect(exit.signal, 'it ended by itself').toBeNull();
			expect(await isRunning(postgres), 'the database runs').toBe(false);
			expect(await leftBehind(app.pid)).toEqual([]);
			expect(app.output()).toContain('"msg":"stopped"');
			const log = await readFile(join(cwd, '.data', 'postgres.log'), 'utf8');
			expect(log, 'the database was asked to end, not killed').toContain(
				'database system is shut down'
			);
			expect(log, 'nobody was connected any more').not.toContain('terminating connection');
		}
	);
});

test(
	'a signal during the start ends the database that the start has begun',
	{ timeout: 240_000 },
	async () => {
		const cwd = await mkdtemp(join(tmpdir(), 'logline-e2e-'));
		folders.push(cwd);
		await chmod(cwd, 0o755);
		for (const name of ['node_modules', 'migrations', 'drizzle', 'package.json']) {
			await symlink(join(process.cwd(), name), join(cwd, name));
		}
		const started = spawn(process.execPath, [inject('builtApp')], {
			cwd,
			env: {
				...process.env,
				VITEST: undefined,
				NODE_ENV: 'production',
				DATABASE_URL: undefined,
				PORT: String(await freePort()),
				// Making a new database takes seconds.
				SHUTDOWN_GRACE_MS: '60000'
			}
		});
		const exited = once(started, 'exit');
		const postgres = await until(() => readPostmaster(cwd).catch(() => null), {
			what: 'the database starts',
			timeoutMs: 60_000,
			everyMs: 5
		});
		started.kill('SIGTERM');
		expect(await exited).toEqual([0, null]);
		expect(await isRunning(postgres)).toBe(false);
	}
);

const dev = (port: number) => [
	'node_modules/vite/bin/vite.js',
	'dev',
	...['--host', '127.0.0.1', '--port', String(port), '--strictPort']
];

/** Opens streams of a new user, and waits until they are live. */
async function openStreams(app: BuiltApp, username: string): Promise<StreamClient[]> {
	const cookie = await signUp(app, username);
	const opened = ['one', 'two', 'three'].map(
		(client) =>
			new StreamClient(`${app.url}/api/events?topics=logs&topics=message&client=${client}`, {
				cookie
			})
	);
	clients.push(...opened);
	await Promise.all(opened.map((stream) => stream.caughtUp()));
	return opened;
}

/** Copies the project, and its build, to a folder that Postgres's user may enter. It gets a `.data` of its own. */
async function ownProject(): Promise<string> {
	const { folder } = await copyProject('shutdown');
	folders.push(folder);
	await chmod(folder, 0o755);
	// Made at the start of the run. What starts builds are for is seen in tests/commands/start.test.ts.
	await cp('build', join(folder, 'build'), { recursive: true });
	return folder;
}

async function removeProject(folder: string): Promise<void> {
	const left = await readPostmaster(folder).catch(() => null);
	if (left !== null && (await isRunning(left))) {
		process.kill(left, 'SIGQUIT');
		await until(async () => !(await isRunning(left)));
	}
	await rm(folder, { recursive: true, force: true });
}

/** Returns the process id of the embedded database. */
async function readPostmaster(folder: string): Promise<number> {
	const text = await readFile(join(folder, '.data', 'postgres', 'postmaster.pid'), 'utf8');
	return Number(text.split('\n')[0]);
}

async function isRunning(pid: number): Promise<boolean> {
	return (await runningProcesses()).some((process) => process.pid === pid);
}

/** Returns the running processes that this process has started. */
async function leftBehind(leader: number): Promise<Running[]> {
	return (await runningProcesses()).filter((process) => process.group === leader);
}
