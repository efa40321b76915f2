/** The page `/log` in a real browser. What it may show: tests/delivery/explorer.test.ts. */
import type { Browser, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import type { BuiltApp } from '../support/built-app.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';
import { signUp } from './account.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

/** The most that the page may load, in octets of compressed script. */
const MOST_SCRIPT = 140_000;

interface Opened {
	app: BuiltApp;
	page: Page;
	/** Errors and warnings of the browser. */
	complaints: string[];
	/** Octets of compressed script so far. */
	script(): number;
}

/** Starts a server, signs a user up, and opens a page, with events in the log. */
async function open(
	path: string,
	options: Parameters<Browser['newContext']>[0] & { events?: number } = {}
): Promise<Opened> {
	const { events = 300, ...profileOptions } = options;
	const app = await stage.app();
	const cookie = (await signUp(app, 'ada')).split('; ').map((pair) => pair.split('='));
	await write(events);
	const profile = await stage.profile({
		...profileOptions,
		viewport: profileOptions.viewport ?? { width: 1440, height: 900 }
	});
	await profile.addCookies(
		cookie.map(([name = '', value = '']) => ({ name, value, url: app.url }))
	);
	const page = await profile.newPage();
	const complaints: string[] = [];
	page.on('pageerror', (error) => complaints.push(String(error)));
	page.on('console', (line) => {
		if (line.type() === 'error' || line.type() === 'warning') complaints.push(line.text());
	});
	let script = 0;
	page.on('requestfinished', (request) => {
		if (request.resourceType() !== 'script') return;
		void request.sizes().then(({ responseBodySize }) => (script += responseBodySize));
	});
	await page.goto(app.url + path);
	return { app, page, complaints, script: () => script };
}

/** Writes events for everyone: one in three is a notification. */
async function write(count: number, text = 'line'): Promise<void> {
	await stage.sql`
		insert into events (topic, data)
		select case when i % 3 = 0 then 'notifications' else 'logs' end, jsonb_build_object(
			'id', i, 'type', 'info', 'level', 'info', 'source', 'test', 'message', ${text}::text || ' ' || i,
			'timestamp', now(), 'deep', jsonb_build_object('n', i % 10))
		from generate_series(1, ${count}::int) as i`;
}

const newest = async (): Promise<string> => {
	const [row] = await stage.sql<{ id: string }[]>`
		select max(id) as id from events where topic in ('logs', 'notifications')`;
	return row!.id;
};

const rows = (page: Page) => page.locator('[data-id]');
const ids = (page: Page) =>
	rows(page).evaluateAll((all) => all.map((row) => (row as HTMLElement).dataset.id!));
const live = (page: Page) => page.getByText('Live', { exact: true }).waitFor();
const search = (page: Page) => new URL(page.url()).search;

it('finds what one looks for, opens an event by its link, and moves by keys', async () => {
	const { page, complaints, script, app } = await open('/log');
	await live(page);
	expect(script()).toBeGreaterThan(20_000);
	expect(script()).toBeLessThan(MOST_SCRIPT);

	await page.getByLabel('Topic', { exact: true }).fill('notif*');
	await page.getByLabel('Value in the data').fill('deep.n=6');
	await page.getByLabel('Value in the data').press('Enter');
	await page.getByRole('link', { name: 'topic notif* : remove' }).waitFor();
	expect(search(page)).toContain('topic=notif*');
	await until(async () => (await rows(page).count()) === 10, { what: 'ten rows' });
	const found = await ids(page);
	await page.reload();
	await live(page);
	expect(await ids(page)).toEqual(found);

	await rows(page).nth(2).getByRole('link').click();
	const panel = page.getByRole('region', { name: /^Event \d/ });
	await panel.getByRole('heading', { name: `Event ${found[2]!}` }).waitFor();
	expect(new URL(page.url()).pathname).toBe(`/log/${found[2]!}`);
	await panel.getByText('It is for everyone who may see the topic.').waitFor();
	const opened = (n: number) =>
		panel.getByRole('heading', { name: `Event ${found[n]!}` }).waitFor();
	await page.keyboard.press('j');
	await opened(3);
	await page.keyboard.press('j');
	await page.keyboard.press('j');
	await opened(5);
	await page.keyboard.press('k');
	await opened(4);
	await page.keyboard.press('?');
	await page.getByRole('dialog').waitFor();
	await page.keyboard.press('Escape');
	await page.getByRole('dialog').waitFor({ state: 'hidden' });
	await page.keyboard.press('/');
	await page.keyboard.type('jk?');
	expect(await page.getByLabel('Text in the data').inputValue()).toBe('jk?');
	await page.keyboard.press('Escape');
	await opened(4);
	await page.keyboard.press('Escape');
	await panel.waitFor({ state: 'hidden' });
	expect(new URL(page.url()).pathname).toBe('/log');
	expect(search(page)).toContain('topic=notif*');

	await page.goto(`${app.url}/log/${found[0]!}`);
	await panel.getByRole('link', { name: '"info"' }).first().click();
	await page.getByRole('link', { name: /^data (type|level) = info/ }).waitFor();
	expect(complaints).toEqual([]);
	const missing = await page.goto(`${app.url}/log/99999999`);
	expect(missing!.status()).toBe(404);
	expect(await page.goto(`${app.url}/log?where=a..b%3Dx`).then((got) => got!.status())).toBe(200);
	await page.getByRole('alert').filter({ hasText: '"a..b" is no path' }).waitFor();
});

it('shows an event and why it came to a reader who has several streams open', async () => {
	const { app, page, complaints } = await open('/log', { events: 3 });
	const cookie = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`);
	const address = `${app.url}/api/events?topics=notifications&topics=logs`;
	const devices = ['phone', 'tablet'].map(
		(client) => new StreamClient(`${address}&client=${client}`, { cookie: cookie.join('; ') })
	);
	try {
		const [event] = await stage.sql<[{ id: string }]>`
			select min(id) as id from events where topic = 'logs'`;
		const streams = () => stage.sql`
			select from users, logline_explain(${event.id}::bigint, users.id) where gate = 'stream' and passes`;
		await until(async () => (await streams()).length >= 2, { what: 'two streams have the event' });
		await page.goto(`${app.url}/log/${event.id}`);
		await page.getByText('A stream of yours that is open has got it.').waitFor();
		await page.waitForFunction('document.querySelector("#svelte-announcer")');
		expect(await page.getByRole('heading', { name: 'Why you got this' }).count()).toBe(1);
		expect(complaints).toEqual([]);
	} finally {
		for (const device of devices) device.close();
	}
});

it('shows new events at once, lets them wait while one looks at others, and follows again', async () => {
	const { page, complaints } = await open('/log?topic=logs&topic=notifications');
	await live(page);
	await write(1, 'at once');
	await page.getByText('at once 1').waitFor();

	await rows(page).first().hover();
	await page.mouse.wheel(0, 600);
	await page.getByText('Paused', { exact: true }).waitFor();
	const id = (await ids(page))[20]!;
	const place = async () => (await page.locator(`[data-id="${id}"]`).boundingBox())!.y;
	let before = NaN;
	await until(async () => before === (before = await place()), {
		what: 'the wheel has ended',
		everyMs: 100
	});
	await write(37, 'later');
	await page.getByRole('button', { name: '37 new' }).waitFor();
	expect(await place()).toBe(before);
	await page.getByRole('button', { name: '37 new' }).click();
	await live(page);
	await until(async () => (await ids(page))[0] === (await newest()), { what: 'the newest row' });

	await page.keyboard.press('l');
	await page.getByText('Paused', { exact: true }).waitFor();
	// More than the page keeps: it begins anew with the newest.
	await write(700, 'many');
	await page.getByRole('button', { name: '500+ new' }).waitFor();
	await page.keyboard.press('l');
	await live(page);
	const all = new Set<string>();
	const wanted = await stage.sql<{ id: string }[]>`
		select id from events where topic in ('logs', 'notifications') order by id desc limit 600`;
	await until(
		async () => {
			for (const id of await ids(page)) all.add(id);
			await page.getByRole('rowgroup').evaluate(async (list) => {
				list.scrollBy(0, 0.8 * list.clientHeight);
				await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
			});
			return wanted.every(({ id }) => all.has(id));
		},
		{ what: 'every event is in the list', timeoutMs: 60_000 }
	);
	expect(complaints).toEqual([]);
});

it('takes what one may no longer see out of the list', async () => {
	const { page, complaints } = await open('/log', { events: 5 });
	await stage.sql`insert into grants (scope, user_id, source) select 'rooms/1', id, 'test' from users`;
	await stage.sql`
		insert into events (topic, data) values ('rooms/1/messages', '{"text":"for members only"}')`;
	const secret = page.getByText('for members only');
	await until(async () => {
		await page.reload();
		await live(page);
		return secret.isVisible();
	});
	await stage.sql`delete from grants where source = 'test'`;
	await secret.waitFor({ state: 'detached' });
	await page.getByText('line 1').waitFor();
	expect(complaints).toEqual([]);
});

it('shows a part of the time that one drags over, and fits a narrow screen', async () => {
	const { page, complaints, app } = await open('/log', { viewport: { width: 360, height: 740 } });
	await live(page);
	await stage.sql`
		insert into events (topic, data, created_at)
		select 'logs', jsonb_build_object('message', 'old ' || i), timestamptz '2026-01-01' + i * interval '1 minute'
		from generate_series(1, 50) as i`;
	await page.goto(`${app.url}/log?until=2026-01-02`);
	const box = (await page.getByRole('img', { name: /^Events over time/ }).boundingBox())!;
	await live(page);
	await page.mouse.move(box.x + box.width * 0.5, box.y + 10);
	await page.mouse.down();
	await page.mouse.move(box.x + box.width * 0.9, box.y + 20, { steps: 4 });
	await page.mouse.up();
	await page.waitForURL(/since=2026-01-01/);
	await page.getByRole('link', { name: /^since 2026-01-01/ }).waitFor();
	await until(
		async () =>
			(await rows(page).count()) > 0 &&
			!(await page.getByText('old 3', { exact: true }).isVisible()),
		{
			what: 'only later events'
		}
	);
	const wider = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
	expect(await wider()).toBe(0);

	await rows(page).first().getByRole('link').click();
	await page.getByRole('heading', { name: /^Event/ }).waitFor();
	expect(await wider()).toBe(0);
	expect(await rows(page).first().isVisible()).toBe(false);
	await page.getByRole('link', { name: 'Back to the list' }).click();
	await rows(page).first().waitFor();
	expect(complaints).toEqual([]);
});

it('works without JavaScript: a table, its pages, a search and an event', async () => {
	const { page } = await open('/log', { javaScriptEnabled: false, events: 250 });
	const shown = () => page.getByRole('row').getByRole('link').allTextContents();
	const first = await shown();
	expect(first).toHaveLength(100);
	await page.getByRole('link', { name: 'Older' }).click();
	const second = await shown();
	await page.getByRole('link', { name: 'Older' }).click();
	const third = await shown();
	const all = [...first, ...second, ...third].map((id) => id.trim());
	expect(new Set(all).size).toBe(all.length);
	expect(all.length).toBeGreaterThanOrEqual(250);
	await page.getByRole('link', { name: 'Newer' }).click();
	expect(await shown()).toEqual(second);
	await page.getByRole('link', { name: 'Newer' }).click();
	expect(await shown()).toEqual(first);

	await page.getByLabel('Text in the data').fill('line 77');
	await page.getByRole('button', { name: 'Search' }).click();
	expect(await shown()).toHaveLength(1);
	await page.getByRole('row').getByRole('link').click();
	await page.getByText('Why you got this').waitFor();
	await page.getByRole('link', { name: 'Close' }).click();
	expect(await shown()).toHaveLength(1);
	await page.getByRole('link', { name: /^text line 77/ }).click();
	expect(await shown()).toHaveLength(100);
});

it('the address waits for the sign-in, and the data of the page are for who is signed in', async () => {
	const app = await stage.app();
	const asked = await fetch(`${app.url}/log/7?topic=logs`, { redirect: 'manual' });
	expect(asked.status).toBe(303);
	expect(asked.headers.get('location')).toBe(
		`/login?redirectTo=${encodeURIComponent('/log/7?topic=logs')}`
	);
	const json = await fetch(`${app.url}/log/events.json`);
	expect(json.status).toBe(401);
	const cookie = await signUp(app, 'ada');
	const get = async (query: string) => {
		const response = await fetch(`${app.url}/log/events.json?${query}`, { headers: { cookie } });
		return { status: response.status, body: (await response.json()) as unknown };
	};
	expect(await get('limit=201')).toMatchObject({
		status: 400,
		body: { error: { code: 'invalid_limit' } }
	});
	expect(await get('where=a..b=x')).toMatchObject({
		status: 400,
		body: { error: { code: 'invalid_filter' } }
	});
	expect(await get('after=x')).toMatchObject({
		status: 400,
		body: { error: { code: 'invalid_filter' } }
	});
	expect(await get('limit=5')).toMatchObject({
		status: 200,
		body: { more: false, complete: true }
	});
});
