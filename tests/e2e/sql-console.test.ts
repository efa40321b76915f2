/** The page `/log/sql` in a real browser: a Postgres in the page, with one's own visible events and nothing else. */
import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import type { BuiltApp } from '../support/built-app.ts';
import { until } from '../support/until.ts';
import { signUp } from './account.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

/** The most that the page may load before its database, in octets of compressed script. */
const MOST_SCRIPT = 260_000;

/** The database starts in a browser that shares two cores with the server. */
const STARTED = { timeout: 100_000 };

interface Opened {
	page: Page;
	/** Errors and warnings of the browser. */
	complaints: string[];
	/** Octets of each file that was loaded, by path. */
	loaded: Map<string, number>;
}

async function open(
	app: BuiltApp,
	cookie: string,
	path: string,
	options: Parameters<Browser['newContext']>[0] = {}
): Promise<Opened> {
	const profile = await stage.profile({ viewport: { width: 1440, height: 900 }, ...options });
	await profile.addCookies(
		cookie.split('; ').map((pair) => {
			const [name = '', value = ''] = pair.split('=');
			return { name, value, url: app.url };
		})
	);
	const page = await profile.newPage();
	const complaints: string[] = [];
	page.on('pageerror', (error) => complaints.push(String(error)));
	page.on('console', (line) => {
		if (line.type() === 'error' || line.type() === 'warning') complaints.push(line.text());
	});
	const loaded = new Map<string, number>();
	page.on('requestfinished', (request) => {
		void request.sizes().then(({ responseBodySize }) => {
			loaded.set(new URL(request.url()).pathname, responseBodySize);
		});
	});
	await page.goto(app.url + path);
	return { page, complaints, loaded };
}

const ask = (sql: string, as = 'table') => `/log/sql?${new URLSearchParams({ q: sql, as })}`;

/** Waits until the answer has these rows. */
async function answers(page: Page, ...expected: string[][]): Promise<void> {
	const shown = page.getByRole('region', { name: 'Rows' }).locator('tbody tr');
	const wanted = JSON.stringify(expected);
	let last = '';
	try {
		await until(
			async () => {
				const rows = await shown.evaluateAll((all) =>
					all.map((row) => [...row.children].map((cell) => cell.textContent.trim()))
				);
				return (last = JSON.stringify(rows)) === wanted;
			},
			{ timeoutMs: STARTED.timeout }
		);
	} catch {
		throw new Error(
			`The answer is ${last}, not ${wanted}:\n${await page.getByRole('main').innerText()}`
		);
	}
}

/** Asks by keyboard. */
async function type(page: Page, sql: string): Promise<void> {
	await page.getByRole('textbox', { name: 'SQL' }).focus();
	await page.keyboard.press('Control+A');
	await page.keyboard.insertText(sql);
	await page.keyboard.press('Control+Enter');
}

async function write(count: number, topic: string, user: string | null = null): Promise<void> {
	await stage.sql`
		insert into events (topic, user_id, data)
		select ${topic}, (select id from users where username = ${user}), jsonb_build_object(
			'id', i, 'type', 'info', 'level', 'info', 'source', 'test', 'message', 'line, "' || i || '"',
			'timestamp', now())
		from generate_series(1, ${count}::int) as i`;
}

it('a question reaches every event that one may see, and no other', async () => {
	const app = await stage.app();
	const [ada, bob] = [await signUp(app, 'ada'), await signUp(app, 'bob')];
	await write(450, 'logs');
	await write(3, 'notifications', 'ada');
	await write(5, 'notifications', 'bob');
	await stage.sql`insert into events (topic, data) values ('rooms/1/messages', '{"text":"for members"}')`;
	await stage.sql`
		insert into grants (scope, user_id, source)
		select 'rooms/1', id, 'test' from users where username = 'bob'`;
	await until(
		async () => {
			const json = await fetch(`${app.url}/log/events.json?topic=rooms/*`, {
				headers: { cookie: bob }
			});
			return ((await json.json()) as { events: unknown[] }).events.length === 1;
		},
		{ what: 'bob sees the room' }
	);
	const sql = `SELECT topic, count(user_id) AS own, count(*) FROM events
		WHERE topic NOT LIKE '$%' GROUP BY topic ORDER BY topic`;
	const sees = async (cookie: string, ...rows: string[][]) => {
		const { page, complaints } = await open(app, cookie, ask(sql));
		await answers(page, ...rows);
		expect(complaints).toEqual([]);
		await page.close();
	};
	await sees(ada, ['logs', '0', '450'], ['notifications', '3', '3']);
	await sees(
		bob,
		['logs', '0', '450'],
		['notifications', '5', '5'],
		['rooms/1/messages', '0', '1']
	);
	const asked = await fetch(app.url + ask('SELECT 1'), { redirect: 'manual' });
	expect(asked.status).toBe(303);
	expect(asked.headers.get('location')).toBe(
		`/login?${new URLSearchParams({ redirectTo: ask('SELECT 1') })}`
	);
});

it('a question is asked by keyboard, drawn, exported, corrected, and there again after a reload', async () => {
	const app = await stage.app();
	const cookie = await signUp(app, 'ada');
	await write(30, 'logs');
	await write(10, 'notifications');
	const { page, complaints, loaded } = await open(app, cookie, '/log/sql');
	await page.getByRole('img', { name: /^events by minute/ }).waitFor(STARTED);
	const scripts = [...loaded].filter(
		([path]) => path.endsWith('.js') && !path.includes('/workers/')
	);
	const octets = scripts.reduce((sum, [, size]) => sum + size, 0);
	expect(octets).toBeGreaterThan(60_000);
	expect(octets).toBeLessThan(MOST_SCRIPT);
	expect([...loaded.keys()].filter((path) => path.endsWith('.wasm'))).not.toEqual([]);

	await type(page, 'SELECT topic, nope\nFROM events');
	const problem = page.getByRole('region', { name: 'Problem' });
	await problem.getByText('column "nope" does not exist').waitFor();
	await problem.getByRole('button', { name: 'Line 1, column 15' }).click();
	await page.keyboard.press('Control+Delete');
	await page.keyboard.insertText('count(*) AS events');
	await page.keyboard.press('Control+End');
	await page.keyboard.insertText(
		"\nWHERE topic IN ('logs', 'notifications')\nGROUP BY topic ORDER BY topic"
	);
	await page.keyboard.press('Control+Enter');
	await page.getByRole('img', { name: /^events by topic/ }).waitFor();
	await page.getByRole('button', { name: 'Table' }).click();
	await answers(page, ['logs', '30'], ['notifications', '10']);
	await page.getByRole('textbox', { name: 'SQL' }).focus();

	// Tab leaves the editor, so everything is reached by keyboard.
	await page.keyboard.press('Escape');
	for (let i = 0; i < 20; i++) {
		await page.keyboard.press('Tab');
		if (
			await page
				.getByRole('button', { name: 'Bars' })
				.evaluate((at) => at === document.activeElement)
		)
			break;
	}
	await page.keyboard.press('Enter');
	await page.getByRole('img', { name: /^events by topic/ }).waitFor();
	const address = new URL(page.url());
	expect(address.searchParams.get('as')).toBe('bars');
	expect(address.searchParams.get('q')).toContain('GROUP BY topic');
	await page.reload();
	await page.getByRole('img', { name: /^events by topic/ }).waitFor(STARTED);
	expect(
		await page
			.getByRole('img', { name: /^events by topic/ })
			.locator('rect')
			.count()
	).toBe(2);

	await type(
		page,
		`SELECT id, data->>'message' AS message, data FROM events WHERE topic = 'logs' ORDER BY id LIMIT 1`
	);
	await page.getByRole('button', { name: 'Table' }).click();
	await page.getByRole('columnheader', { name: 'message text' }).waitFor();
	const [row] = await stage.sql<{ id: string; data: string }[]>`
		select id, data::text as data from events where topic = 'logs' order by id limit 1`;
	const saved = async (name: string) => {
		const download = page.waitForEvent('download');
		await page.getByRole('button', { name, exact: true }).click();
		return readFile(await (await download).path(), 'utf8');
	};
	expect(await saved('CSV')).toBe(
		`id,message,data\r\n${row!.id},"line, ""1""","${row!.data.replaceAll('"', '""')}"\r\n`
	);
	expect(await saved('JSON')).toBe(
		`[\n{"id":${row!.id},"message":"line, \\"1\\"","data":${row!.data}}\n]\n`
	);
	expect(complaints).toEqual([]);
});

it('says how far the table and an answer reach, reads further back when one wants it, and stops a question that never ends', async () => {
	const app = await stage.app();
	const cookie = await signUp(app, 'ada');
	// A topic that keeps more than this.
	await write(5100, 'notifications');
	await stage.sql`
		insert into events (topic, data) values ('notifications', jsonb_build_object('message', repeat('x', 9000)))`;
	const { page, complaints } = await open(
		app,
		cookie,
		ask(
			`SELECT count(*) FILTER (WHERE data IS NULL) AS large, max(size) > 9000 AS sized, count(*) FROM events`
		)
	);
	await answers(page, ['1', 'true', '5000']);
	const reach = page.getByRole('status').filter({ hasText: 'The newest 5,000 events' });
	expect(await reach.innerText()).toMatch(
		/ you may see, back to \S+\. 1 has more than 8 kB of data/
	);
	await page.getByRole('button', { name: 'Load more' }).click();
	await page.getByText(/^All 5,1\d\d events you may see/).waitFor(STARTED);
	await type(page, `SELECT count(*) >= 5101 AS all FROM events`);
	await answers(page, ['true']);

	// More rows than a page could hold, a statement that changes the copy, and two at once.
	await type(page, 'SELECT a.id FROM events AS a, generate_series(1, 100000)');
	await page.getByText('The first 10,000 rows; there are more.').waitFor();
	await type(page, 'DELETE FROM events');
	await page.getByText('It is your copy: the log has not changed.').waitFor();
	await page.getByRole('button', { name: 'Refresh' }).click();
	await page.getByText(/^The newest 5,000/).waitFor(STARTED);
	await type(page, 'COPY events FROM STDIN');
	await page.getByRole('region', { name: 'Problem' }).getByText('no data to send').waitFor();
	await type(page, `SELECT 1 AS more; SELECT count(*) FROM events`);
	await page
		.getByRole('region', { name: 'Problem' })
		.getByText('Ask one question at a time')
		.waitFor();

	// A question that never ends. The next one finds the same events.
	await type(page, 'SELECT count(*) FROM generate_series(1, 1e12)');
	await page.getByRole('button', { name: 'Stop' }).click(STARTED);
	await page.getByText('Stopped. The table was filled again.').waitFor(STARTED);
	expect(page.workers()).toHaveLength(1);
	await type(page, `SELECT count(*) FROM events`);
	await answers(page, ['5000']);
	expect(complaints).toEqual([]);
});

it('only the worker of the console may compile WebAssembly, and the page of the log loads none of it', async () => {
	const app = await stage.app();
	const cookie = await signUp(app, 'ada');
	const { page } = await open(app, cookie, '/log/sql', { javaScriptEnabled: false });
	await page.locator('noscript').getByRole('link', { name: 'the log' }).waitFor();
	expect(await page.getByRole('button', { name: 'Run' }).isVisible()).toBe(false);
	const html = await fetch(`${app.url}/log/sql`, { headers: { cookie } });
	expect(html.headers.get('content-security-policy')).not.toContain('wasm');

	const log = await open(app, cookie, '/log');
	await log.page.getByRole('link', { name: 'SQL' }).hover();
	expect([...log.loaded.keys()].filter((path) => path.includes('/workers/'))).toEqual([]);
	await log.page.getByRole('link', { name: 'SQL' }).click();
	await log.page.getByRole('textbox', { name: 'SQL' }).waitFor(STARTED);
	const worker = await until(
		() => [...log.loaded.keys()].find((path) => /\/workers\/.*\.js$/.test(path)),
		{ what: 'the worker is loaded', timeoutMs: 30_000 }
	);
	const script = await fetch(app.url + worker, { method: 'HEAD' });
	expect(script.headers.get('content-security-policy')).toBe(
		"default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; frame-ancestors 'none'"
	);
	expect(script.headers.get('cache-control')).toBe('public,max-age=31536000,immutable');
	await log.page.getByRole('region', { name: 'Answer' }).waitFor(STARTED);
	for (const path of log.loaded.keys()) {
		if (!/\.(wasm|data)$/.test(path)) continue;
		const file = await fetch(app.url + path, { headers: { 'accept-encoding': 'gzip' } });
		await file.body?.cancel();
		expect(file.headers.get('content-encoding'), path).toBe('gzip');
		expect(file.headers.get('cache-control'), path).toBe('public,max-age=31536000,immutable');
	}
	expect(log.complaints).toEqual([]);
});
