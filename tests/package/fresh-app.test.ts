/** The library in somebody else's application: packed, installed and used by the steps of README.md. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { openBrowser } from '../support/browser.ts';
import { startBuiltApp, type BuiltApp } from '../support/built-app.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { LONG } from '../support/long-forms.ts';
import { createFreshApp, readSteps, type FreshApp, type KitVersion } from './fresh-app.ts';

/** For pack, install, check and build on a busy machine. */
const TIMEOUT_MS = 600_000;

const TARBALL = 'dist/logline-0.1.0.tgz';

/** SvelteKit 3 needs Node 22. Where it runs, SvelteKit 2 is for the long form: the runs on Node 20 look at it. */
const NODE = Number(process.versions.node.split('.')[0]);
const KITS: KitVersion[] = NODE < 22 ? [2] : LONG ? [2, 3] : [3];

let browser: Browser;

/** Opens a page in a browser of its own, as behind a proxy. */
async function openPage(): Promise<Page> {
	const headers = { 'x-forwarded-proto': 'http' };
	return (await browser.newContext({ extraHTTPHeaders: headers })).newPage();
}

/** Returns the lines of the page of orders: the state of its stream, and the items. */
const itemsOf = (page: Page) => page.locator('p').allTextContents();

beforeAll(async () => {
	await promisify(execFile)(process.execPath, ['--import', 'tsx', 'src/commands/package.ts']);
	browser = await openBrowser();
}, TIMEOUT_MS);

afterAll(() => browser?.close());

test('the steps of the README are at most 60 lines', async () => {
	const lines = (await readSteps()).flatMap(({ code }) => code.split('\n'));
	expect(lines.filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(60);
});

describe.each(KITS)('in an application of its own with SvelteKit %i', (kit) => {
	let fresh: FreshApp;
	let database: TestDatabase;
	let sql: Sql;
	let app: BuiltApp | undefined;

	beforeAll(async () => {
		database = await createTestDatabase({ empty: true });
		sql = openClient(database.url, { max: 1, name: 'test sql' });
		fresh = await createFreshApp(kit, TARBALL);
		await fresh.node('node_modules/vite/bin/vite.js', ['build']);
	}, TIMEOUT_MS);

	afterAll(async () => {
		await app?.stop();
		await sql?.end();
		await database?.drop();
		await fresh?.remove();
	});

	test(
		'the types know the topics and refuse the data of another one',
		async () => {
			const checks = ['--fail-on-warnings', '--output', 'human'];
			await fresh.node('node_modules/svelte-check/bin/svelte-check', checks);
		},
		TIMEOUT_MS
	);

	test(
		'an event arrives, again after kill -9 and nothing twice, and not after the session was deleted',
		async () => {
			await fresh.node('migrate.js', [], { DATABASE_URL: database.url });
			app = await startBuiltApp({
				databaseUrl: database.url,
				cwd: fresh.folder,
				command: () => [fresh.server],
				readyAt: '/',
				// SvelteKit 3 has no ORIGIN: a proxy says by which protocol the request came.
				env: { PROTOCOL_HEADER: 'x-forwarded-proto' }
			});
			const page = await openPage();
			const complaints: string[] = [];
			page.on('pageerror', (error) => complaints.push(error.message));
			const shows = (...texts: string[]) =>
				expect.poll(() => itemsOf(page), { timeout: 20_000 }).toEqual(texts);

			await page.goto(`${app.url}/sign-in?name=Ada`);
			await shows('connected');
			await insert('A lamp');
			await shows('connected', 'A lamp');

			await app.kill9();
			await insert('A chair');
			await app.restart();
			await insert('A table');
			await shows('connected', 'A lamp', 'A chair', 'A table');

			await page.fill('input', 'A book');
			await page.click('button');
			await shows('connected', 'A lamp', 'A chair', 'A table', 'A book');

			const signedOut = 'Signed out: The session has ended.';
			await sql`delete from sessions`;
			await shows(signedOut, 'A lamp', 'A chair', 'A table', 'A book');
			const other = await openPage();
			await other.goto(`${app.url}/sign-in?name=Bob`);
			await insert('A secret');
			await expect.poll(() => itemsOf(other), { timeout: 20_000 }).toContain('A secret');
			await shows(signedOut, 'A lamp', 'A chair', 'A table', 'A book');
			// The form of a page that was rendered before Bob signed in.
			await page.context().addCookies(await other.context().cookies());
			await page.fill('input', 'A vase');
			await page.click('button');
			await page.getByText('Somebody else has signed in.').waitFor();
			expect(await sql`select from logline.events where data->>'item' = 'A vase'`).toEqual([]);

			expect(complaints).toEqual([]);
			expect(await sql`select from public.events`).toHaveLength(0);
			expect((await app.terminate()).ms).toBeLessThan(5000);
			for (const open of [page, other]) await open.context().close();
		},
		TIMEOUT_MS
	);

	const insert = (item: string) => sql`
		insert into logline.events (topic, user_id, data)
		select 'orders', id, jsonb_build_object('item', ${item}::text) from users`;
});
