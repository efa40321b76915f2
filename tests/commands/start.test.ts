/** `npm start`, several times in one folder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../src/embedded-postgres/cluster.ts';
import { startBuiltApp, type BuiltApp } from '../support/built-app.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';
import { until } from '../support/until.ts';

/** A build takes long on a busy machine. */
const TIMEOUT_MS = 300_000;
const START = ['--import', 'tsx', 'src/commands/start.ts'];
const PAGE = 'src/routes/login/+page.svelte';
/** What no test here opens: with it, each build takes half as long again. */
const UNOPENED = ['docs', 'tests', 'src/features', 'src/routes/(demo)', 'src/routes/log'];
/** The adapter prints this once in each build. */
const BUILT = /> Using adapter-node/g;

let project: ProjectCopy;
let database: TestDatabase;
const apps: BuiltApp[] = [];

beforeAll(async () => {
	[project, database] = await Promise.all([copyProject('start', UNOPENED), createTestDatabase()]);
});

afterAll(async () => {
	await Promise.all(apps.map((app) => app.stop()));
	await database.drop();
	await project.remove();
});

async function start(): Promise<BuiltApp> {
	const app = await startBuiltApp({
		databaseUrl: database.url,
		cwd: project.folder,
		command: () => START
	});
	apps.push(app);
	return app;
}

/** Runs a start that must fail. */
async function startFails(): Promise<{ code: number | null; output: string }> {
	const child = spawn(process.execPath, START, { cwd: project.folder, env: await environment() });
	let output = '';
	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding('utf8').on('data', (text: string) => (output += text));
	}
	const [code] = (await once(child, 'close')) as [number | null];
	return { code, output };
}

const environment = async () => ({
	...process.env,
	NODE_ENV: 'production',
	VITEST: undefined,
	DATABASE_URL: database.url,
	PORT: String(await freePort())
});

const builds = async () =>
	(await readdir(project.path('build'), { withFileTypes: true }))
		.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
		.map(({ name }) => name)
		.sort();

const buildsMade = (...made: BuiltApp[]) =>
	made.reduce((sum, app) => sum + (app.output().match(BUILT)?.length ?? 0), 0);

async function status(app: BuiltApp, path: string): Promise<number> {
	const response = await fetch(app.url + path);
	await response.arrayBuffer();
	return response.status;
}

let first: BuiltApp;

test(
	'after a kill -9 in the middle of a build, two starts at the same moment build once, and both serve',
	async () => {
		const child = spawn(process.execPath, START, {
			cwd: project.folder,
			env: await environment(),
			stdio: 'ignore'
		});
		const unfinished = async () =>
			(await readdir(project.path('build'))).filter((name) => name.startsWith('.unfinished-'));
		await until(async () => (await unfinished()).length > 0, {
			what: 'it builds',
			timeoutMs: 60_000
		});
		child.kill('SIGKILL');
		await once(child, 'close');

		const both = await Promise.all([start(), start()]);
		first = both[0];
		expect(buildsMade(...both)).toBe(1);
		expect(await builds()).toHaveLength(1);
		expect(await unfinished()).toEqual([]);
	},
	TIMEOUT_MS
);

test(
	'a start after an edit leaves the server that runs whole, each of its pages opens, and removes builds that nobody runs',
	async () => {
		const gone = spawn(process.execPath, ['-e', '']);
		await once(gone, 'close');
		await oldBuild('0000000000000001', `${gone.pid}@${hostname()}`);
		await oldBuild('0000000000000002', `${process.pid}@${hostname()}`);
		const [running] = (await builds()).slice(2);
		await appendFile(project.path(PAGE), '\n<p>edited</p>\n');
		const third = await start();
		expect(buildsMade(third)).toBe(1);
		for (const path of ['/login', '/signup', '/nowhere']) {
			expect([path, await status(first, path)]).toEqual([path, path === '/nowhere' ? 404 : 200]);
		}
		expect(await (await fetch(`${first.url}/login`)).text()).not.toContain('edited');
		expect(await (await fetch(`${third.url}/login`)).text()).toContain('edited');
		const now = await builds();
		expect(now).toHaveLength(3);
		expect(now).toEqual(expect.arrayContaining(['0000000000000002', running]));
	},
	TIMEOUT_MS
);

/** Creates a build of an earlier version, with the mark of a process that uses it. */
async function oldBuild(id: string, mark: string): Promise<void> {
	await mkdir(project.path('build', id, 'in-use'), { recursive: true });
	await writeFile(project.path('build', id, 'in-use', mark), '');
}

test(
	'a start without an edit builds nothing, and "node build" serves the same',
	async () => {
		await writeFile(project.path('.env'), 'SSE_RETRY_MS=2000\n');
		await writeFile(project.path('server.log'), 'a program writes its log here');
		await appendFile(project.path('README.md'), '\nedited\n');
		await appendFile(project.path('src/lib/server/work/loop.test.ts'), '\n// edited\n');
		const app = await start();
		expect(buildsMade(app)).toBe(0);
		const plain = await startBuiltApp({
			databaseUrl: database.url,
			cwd: project.folder,
			command: () => ['build']
		});
		apps.push(plain);
		expect(await (await fetch(`${plain.url}/login`)).text()).toContain('edited');
	},
	TIMEOUT_MS
);

test(
	'a build that fails leaves what runs and what was built before',
	async () => {
		const page = await readFile(project.path(PAGE), 'utf8');
		const before = [await builds(), await readFile(project.path('build/index.js'), 'utf8')];
		await appendFile(project.path(PAGE), '\n{#if\n');
		const { code, output } = await startFails();
		expect(code).toBe(1);
		expect(output).toContain('There is no new build. Servers that run go on with theirs.');
		expect([await builds(), await readFile(project.path('build/index.js'), 'utf8')]).toEqual(
			before
		);
		await writeFile(project.path(PAGE), page);
		expect(buildsMade(await start())).toBe(0);
	},
	TIMEOUT_MS
);
