/** Follows the steps of README.md in a copy of the tree, with the code taken from the page. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { asUser } from '../../src/lib/protocol/index.ts';
import { startBuiltApp, type BuiltApp } from '../support/built-app.ts';
import { createTestDatabase } from '../support/database.ts';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { StreamClient } from '../support/stream-client.ts';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';
import { readBlocks, type CodeBlock } from '../support/blocks.ts';

/** For type check and build on a busy machine. */
const TIMEOUT_MS = 600_000;

/**
 * LOGLINE_README_TESTS=all also builds and tries it with the demo, and tests and lints everything. That takes minutes. The lint
 * of a file that stays says something else only if something that it imports has gone, and then it does not compile.
 */
const ALL = process.env.LOGLINE_README_TESTS === 'all';

/**
 * What is tested again without the demo: what may know a feature or finds one, as the lint checks. Tests with runes are not
 * even loaded: all below these folders are the demo's.
 */
const TESTED = ALL ? [] : ['--project=server', 'src/app/', 'src/features/', 'src/routes/'];

const OWN_APP = 'Use it in your own app';
const PASSWORD = 'correct horse battery';
const run = promisify(execFile);

let copy: ProjectCopy;
let blocks: CodeBlock[];
/** Paths of the files taken from the page. */
const pasted: string[] = [];
let removed = false;
/** SvelteKit has made the types of its routes, which the lint reads. */
let synced = false;

beforeAll(async () => {
	// Those for other people's apps are for tests/package.
	blocks = (await readBlocks('README.md')).filter(({ section }) => section !== OWN_APP);
	copy = await copyProject('readme');
	for (const [n, { language, file, code }] of blocks.entries()) {
		if (language === 'ts' || language === 'svelte') {
			// Examples without a file name get one, so that they are checked and built, too.
			const path = file ?? `src/features/examples/example-${n}.${exampleSuffix(language)}`;
			await write(path, code);
			pasted.push(path);
		}
	}
});

afterAll(() => copy.remove());

if (ALL) {
	test(
		'a topic that was added by the steps of the README arrives over HTTP, like all else that it shows',
		async () => {
			await build();
			await withApp(arrives);
		},
		TIMEOUT_MS
	);
}

test(
	'without the demo, everything else builds, and what was added by the README arrives over HTTP',
	async () => {
		const removal = blocks.find(({ code }) => code.startsWith('rm -r'));
		expect(removal).toBeDefined();
		await run('sh', ['-e', '-c', removal!.code], { cwd: copy.folder });
		removed = true;
		await copy.program('@sveltejs/kit/svelte-kit.js', 'sync');
		synced = true;
		// What is pasted is still there, and is checked with the rest.
		await copy.program(
			'svelte-check/bin/svelte-check',
			'--threshold',
			'error',
			'--output',
			'human'
		);
		await build();
		await withApp(async (app, cookie, sql) => {
			const chat = await fetch(`${app.url}/api/events?topics=message`, { headers: { cookie } });
			expect(chat.status).toBe(400);
			expect(await chat.text()).toContain('Topics: logs, notifications, inbox, orders.');
			await arrives(app, cookie, sql);
		});
	},
	TIMEOUT_MS
);

test(
	'what is pasted from the README passes the lint and the formatter',
	async () => {
		expect(synced, 'the test before this one makes the types of routes').toBe(true);
		await copy.program('prettier/bin/prettier.cjs', '--check', ...pasted);
		const whole = await readFile(copy.path('tsconfig.json'), 'utf8');
		try {
			await write('tsconfig.json', withoutTests(whole));
			await copy.program('eslint/bin/eslint.js', ...pasted);
		} finally {
			await write('tsconfig.json', whole);
		}
	},
	TIMEOUT_MS
);

test(
	'without the demo, the lint and the tests are as green as before',
	async () => {
		expect(removed, 'the test before this one removes it').toBe(true);
		if (ALL) await copy.program('eslint/bin/eslint.js', '.');
		// A server of their own would cost as much as they do.
		if (!ALL) copy.env.TEST_DATABASE_URL = inject('testServer').url;
		const said = await copy.program('vitest/vitest.mjs', 'run', '--maxWorkers=2', ...TESTED);
		expect(said).toMatch(/^[1-9]\d* passed, 0 failed/m);
	},
	TIMEOUT_MS
);

/** Orders, as the page of the README does, and publishes by each of its other ways. */
async function arrives(app: BuiltApp, cookie: string, sql: Sql): Promise<void> {
	const stream = new StreamClient(`${app.url}/api/events?topics=orders&topics=notifications`, {
		cookie
	});
	const clock = new StreamClient(`${app.url}/api/clock`, { cookie });
	try {
		await stream.caughtUp();
		expect(await order(app, cookie, 'A brass lamp')).toBe(200);
		expect((await stream.arrived('orders')).data).toEqual({ item: 'A brass lamp' });
		expect(await order(app, cookie, '')).toBe(400);
		expect(await order(app, cookie, 'A brass lamp', 'somebody-else')).toBe(401);

		const page = await fetch(`${app.url}/orders`, { headers: { cookie } });
		expect(await page.text()).toContain('<li>A brass lamp</li>');

		for (const { code } of blocks.filter(({ language }) => language === 'sql')) {
			await sql.unsafe(code);
		}
		await stream.arrived('notifications');
		// One event through each door, in any order.
		await expect
			.poll(() =>
				stream
					.data('notifications')
					.map((data) => (data as Message).message)
					.sort()
			)
			.toEqual(['Hello from SQL', 'Hello from a transaction']);
		await clock.arrived('time');
	} finally {
		stream.close();
		clock.close();
	}
}

interface Message {
	message: string;
}

const exampleSuffix = (language: string) => (language === 'ts' ? 'server.ts' : 'svelte');

async function write(file: string, code: string): Promise<void> {
	const path = copy.path(file);
	await mkdir(dirname(path), { recursive: true });
	await writeFile(path, code);
}

/** Nothing that is pasted knows a test, and the lint would read the types of all of them: a third of its work. */
function withoutTests(tsconfig: string): string {
	const config = JSON.parse(tsconfig) as { include: string[]; exclude: string[] };
	const include = config.include.filter((pattern) => !pattern.startsWith('tests/'));
	const exclude = [...config.exclude, 'src/**/*.test.ts'];
	return JSON.stringify({ ...config, include, exclude });
}

const build = () => copy.program('tsx/dist/cli.mjs', 'src/commands/build.ts');

/** Serves the build of the copy on its own database, for a user who has just signed up. */
async function withApp(
	work: (app: BuiltApp, cookie: string, sql: Sql) => Promise<void>
): Promise<void> {
	const database = await createTestDatabase();
	const sql = openClient(database.url, { max: 1, name: 'readme test' });
	let app: BuiltApp | undefined;
	try {
		app = await startBuiltApp({
			databaseUrl: database.url,
			cwd: copy.folder,
			command: () => [copy.path('build', 'index.js')]
		});
		await work(app, await signUp(app), sql);
	} finally {
		await app?.stop();
		await sql.end();
		await database.drop();
	}
}

/** Signs up the user of whom the SQL of the README tells. */
async function signUp(app: BuiltApp): Promise<string> {
	const response = await post(app, '/signup', { username: 'Ada', password: PASSWORD });
	expect(response.status).toBe(303);
	const cookies = response.headers.getSetCookie().map((cookie) => cookie.split(';')[0]!);
	return cookies.find((cookie) => cookie.startsWith('auth_session='))!;
}

/** @param user for whom the page was rendered that has the form. Default: for who is signed in */
async function order(app: BuiltApp, cookie: string, item: string, user?: string): Promise<number> {
	const page = await fetch(`${app.url}/orders`, { headers: { cookie } });
	const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(await page.text()) ?? [];
	const address = user === undefined ? action : asUser('', user);
	expect(action).toMatch(/^\?user=/);
	return (await post(app, `/orders${address}`, { item }, { cookie })).status;
}

async function post(
	app: BuiltApp,
	path: string,
	fields: Record<string, string>,
	headers: Record<string, string> = {}
): Promise<Response> {
	const response = await fetch(app.url + path, {
		method: 'POST',
		body: new URLSearchParams(fields),
		headers: { ...headers, origin: app.url },
		redirect: 'manual'
	});
	await response.arrayBuffer();
	return response;
}
