/**
 * `npm run screenshots`: starts the built application on a new database, lets a guest use it in a real browser, and keeps the
 * pictures of README in docs/. With a folder as argument, it keeps there a picture of every page, in three widths and both
 * themes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { ensureBuild } from '../src/commands/builds.ts';
import { freePort } from '../src/embedded-postgres/cluster.ts';
import { openBrowser } from './support/browser.ts';
import { until } from './support/until.ts';

const THEMES = ['light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

/** Width of the window and its height, in pixels. */
const SIZES = [
	[360, 780],
	[1440, 900],
	[2560, 1440]
] as const;

/** Pages of a guest, and what each waits for, or does, before its picture. */
const PAGES: Record<string, { path: string; ready: (page: Page) => Promise<void> }> = {
	log: { path: '/log', ready: live },
	event: { path: '/log', ready: openEvent },
	console: {
		path: '/log/sql',
		ready: (page) => page.getByRole('img', { name: /^events by/ }).waitFor({ timeout: 100_000 })
	},
	account: { path: '/account', ready: (page) => page.waitForLoadState('load') },
	board: { path: '/examples/board', ready: live },
	rooms: { path: '/examples/rooms', ready: talk }
};

function live(page: Page): Promise<void> {
	return page
		.getByText(/\bLive\b/)
		.first()
		.waitFor();
}

/** Opens the newest event that is there. */
async function openEvent(page: Page): Promise<void> {
	await live(page);
	await page.getByRole('link', { name: /^\d+$/ }).first().click();
	await page.getByText('Why you got this').waitFor();
}

/** Makes a room, and says something in it. */
async function talk(page: Page): Promise<void> {
	await live(page);
	await page.getByLabel('Name', { exact: true }).fill('Harbour watch');
	await page.getByRole('button', { name: 'Make the room' }).click();
	await page.getByLabel('Message', { exact: true }).fill('The fog lifts at six.');
	await page.getByRole('button', { name: 'Send', exact: true }).click();
	await page.getByRole('log').getByText('The fog lifts at six.').waitFor();
}

/** Starts the built application with the demo's sources. */
async function serve(): Promise<{ url: string; stop: () => Promise<void> }> {
	const built = await ensureBuild(async () => {});
	const folder = await mkdtemp(join(tmpdir(), 'logline-screenshots-'));
	// A new database is in the folder where the server starts. So are the migrations.
	await symlink(resolve('migrations'), join(folder, 'migrations'));
	const port = await freePort();
	const url = `http://localhost:${port}`;
	const env = { ...process.env, NODE_ENV: 'production', PORT: String(port), ORIGIN: url };
	const child = spawn(process.execPath, [join(built, 'index.js')], {
		cwd: folder,
		env: {
			...env,
			DATABASE_URL: undefined,
			DEMO: '1',
			LOG_LEVEL: 'warn',
			LOGLINE_STORY_SPEED: '4'
		},
		stdio: ['ignore', 'inherit', 'inherit']
	});
	const stop = async () => {
		if (child.exitCode === null && child.kill('SIGTERM')) await once(child, 'exit');
		await rm(folder, { recursive: true, force: true });
	};
	try {
		const answers = () =>
			fetch(`${url}/api/health`).then(
				({ ok }) => ok,
				() => false
			);
		await until(async () => child.exitCode !== null || (await answers()), {
			what: 'the server answers',
			timeoutMs: 60_000
		});
		if (child.exitCode !== null) throw new Error('The server has ended instead of serving.');
	} catch (error) {
		await stop();
		throw error;
	}
	return { url, stop };
}

async function open(
	browser: Browser,
	url: string,
	theme: Theme,
	[width, height]: (typeof SIZES)[number]
) {
	const options = { baseURL: url, colorScheme: theme, viewport: { width, height } };
	const page = await (await browser.newContext(options)).newPage();
	await page.goto('/');
	await page.getByText('The log of this server').waitFor();
	return page;
}

/** Becomes a guest, and waits until the page shows something of everything. */
async function tryIt(page: Page): Promise<void> {
	await page.getByRole('button', { name: 'Try it' }).first().click();
	await page.getByText('The book is for everything else.').waitFor();
	const lines = page.getByRole('region', { name: 'Logs' }).getByRole('listitem');
	await until(async () => (await lines.count()) >= 8, { what: 'lines', timeoutMs: 60_000 });
	// Words in passing would cover the page.
	await until(async () => (await page.locator('[data-sonner-toast]').count()) === 0, {
		what: 'no notice is shown',
		timeoutMs: 60_000,
		everyMs: 20
	});
}

async function main(folder: string | undefined): Promise<void> {
	const server = await serve();
	const browser = await openBrowser();
	try {
		for (const theme of THEMES) {
			const page = await open(browser, server.url, theme, [1440, 900]);
			await tryIt(page);
			await page.screenshot({ path: `docs/page-${theme}.png` });
			await page.context().close();
		}
		if (folder === undefined) return;
		await mkdir(folder, { recursive: true });
		for (const theme of THEMES) {
			for (const size of SIZES) {
				const page = await open(browser, server.url, theme, size);
				const keep = (name: string) =>
					page.screenshot({ path: join(folder, `${name}-${size[0]}-${theme}.png`) });
				await keep('start');
				await page.goto('/signup');
				await keep('signup');
				await page.goto('/');
				await tryIt(page);
				await keep('demo');
				for (const [name, { path, ready }] of Object.entries(PAGES)) {
					await page.goto(path);
					await ready(page);
					await keep(name);
				}
				await page.context().close();
			}
		}
	} finally {
		await browser.close();
		await server.stop();
	}
}

await main(process.argv[2]);
