import { expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { howMany } from '../support/long-forms.ts';
import { until } from '../support/until.ts';
import { DemoPage } from './demo-page.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

/** Many times what a list shows at first, and what one answer brings. */
const EVENTS = howMany({ short: 1000, long: 3000 });
const LINES = howMany({ short: 400, long: 1000 });

/** What the reader looks at: the row in the middle of a list, and where it is on the screen. */
const look = (page: Page, list: string) =>
	page.evaluate((selector) => {
		const viewport = document.querySelector<HTMLElement>(selector)!;
		const { top, bottom } = viewport.getBoundingClientRect();
		const row = [...viewport.querySelectorAll('li:not([data-note])')].find(
			(one) => one.getBoundingClientRect().bottom > (top + bottom) / 2
		)!;
		return { text: row.textContent.trim(), top: row.getBoundingClientRect().top };
	}, list);

const topOf = (page: Page, list: string, text: string) =>
	page.evaluate(
		([selector, wanted]) =>
			[...document.querySelectorAll(`${selector} li`)]
				.find((one) => one.textContent.trim() === wanted)!
				.getBoundingClientRect().top,
		[list, text] as const
	);

/** Waits until the browser has drawn. */
const drawn = (page: Page) =>
	page.evaluate(
		() =>
			new Promise<void>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))
	);

/** Waits until the rows that came into view have their heights: what was far has only a place. Returns what is looked at. */
const settled = (page: Page, list: string) =>
	until(
		async () => {
			const before = await look(page, list);
			await drawn(page);
			const now = await look(page, list);
			return now.text === before.text && now.top === before.top && now;
		},
		{ what: 'the rows stand still' }
	);

it(
	`a reader scrolls back through ${EVENTS} events to the first: nothing jumps, nothing is missing or there twice`,
	{ timeout: 120_000 },
	async () => {
		const app = await stage.app();
		await stage.sql`
			insert into events (topic, data) select 'notifications', jsonb_build_object('id', n::text, 'type', 'info',
				'message', 'note ' || n || repeat(' and more', n % 30), 'timestamp', now())
			from generate_series(1, ${EVENTS}::int) as n`;
		const reader = await stage.openPage({ viewport: { width: 1280, height: 900 } });
		const { page } = reader;
		// An answer is there when the test lets it be.
		const held: (() => void)[] = [];
		await page.route('**/api/history?**', async (route) => {
			await new Promise<void>((release) => held.push(release));
			await route.continue();
		});
		await reader.signUp(app.url, 'ada');
		const list = '[role=group][aria-labelledby="notifications-title"]';
		await page.evaluate((selector) => {
			// As in a browser that holds no place by itself.
			document.querySelector<HTMLElement>(selector)!.style.overflowAnchor = 'none';
		}, list);
		const count = () =>
			page.evaluate(
				(selector) => document.querySelectorAll(`${selector} li:not([data-note])`).length,
				list
			);

		const moves: number[] = [];
		let live = 0;
		for (let rows = await count(); rows < EVENTS + live;) {
			await page.locator(list).evaluate((viewport) => {
				viewport.scrollTop = viewport.scrollHeight;
			});
			await until(() => held.length > 0, { what: 'older ones are asked for' });
			await drawn(page);
			const seen = await look(page, list);
			if (live < 3) {
				live += 1;
				await stage.publish('notifications', `live ${live}`);
				await until(async () => (await count()) === rows + 1, { what: 'it comes live' });
				await drawn(page);
				moves.push((await topOf(page, list, seen.text)) - seen.top);
				rows += 1;
			}
			held.splice(0).forEach((release) => release());
			await until(async () => (await count()) > rows, { what: 'they are there', everyMs: 10 });
			await drawn(page);
			moves.push((await topOf(page, list, seen.text)) - seen.top);
			rows = await count();
		}
		expect(Math.max(...moves.map(Math.abs))).toBeLessThan(2);
		const notes = (await reader.entries('Notifications')).map((text) =>
			text.replace(/ and more.*/, '')
		);
		expect(notes).toEqual([
			...['live 3', 'live 2', 'live 1'],
			...Array.from({ length: EVENTS }, (_, i) => `note ${EVENTS - i}`)
		]);

		// The newest are a key away, and the list lets the old ones go.
		await page.locator(list).focus();
		await page.keyboard.press('Home');
		await until(() => page.locator(list).evaluate((viewport) => viewport.scrollTop === 0));
		await stage.publish('notifications', 'live 4');
		await until(async () => (await count()) === 50);
	}
);

it('a reader far up in a long conversation stays there while it goes on', async () => {
	const app = await stage.app();
	const reader = await stage.openPage({ viewport: { width: 1280, height: 900 } });
	await reader.signUp(app.url, 'ada');
	const say = (from: number, to: number) => stage.sql`
		insert into events (topic, user_id, data) select 'message', (select id from users), jsonb_build_object(
			'id', 'm' || n, 'sender', 'Ada', 'text', 'line ' || n || repeat(' and more', n % 20))
		from generate_series(${from}::int, ${to}::int) as n`;
	await reader.button('Send').and(reader.page.locator(':not([aria-disabled])')).waitFor();
	const before = (await reader.chatLines()).length;
	await say(1, LINES);
	await reader.chatReaches(before + LINES);
	const { page } = reader;
	const list = '[role=log]';
	for (const [part, told] of [
		[0.5, '1 new line'],
		[1, '2 new lines']
	] as const) {
		await page.locator(list).evaluate((viewport, share) => {
			viewport.scrollTop = -viewport.scrollHeight * share;
		}, part);
		const seen = await settled(page, list);
		await say(LINES + 10 * part, LINES + 10 * part);
		await reader.button(told).waitFor();
		await drawn(page);
		expect(Math.abs((await topOf(page, list, seen.text)) - seen.top)).toBeLessThan(2);
	}
	const lines = (await reader.chatLines()).slice(before).map((text) => text.split(' and')[0]);
	expect(lines).toEqual([
		...Array.from({ length: LINES }, (_, i) => `line ${i + 1}`),
		`line ${LINES + 5}`,
		`line ${LINES + 10}`
	]);
});

it('what came while the reader was away is below a line that says so, in every list', async () => {
	const app = await stage.app();
	const reader = await stage.openPage();
	await reader.signUp(app.url, 'ada');
	// The story waits, so the chat has nothing new later.
	await reader.button('Send').and(reader.page.locator(':not([aria-disabled])')).waitFor();
	await stage.publish('notifications', 'n1');
	await stage.publish('logs', 'l1');
	await reader.shows('Notifications', 'n1');
	await reader.shows('Logs', 'l1');
	const lines = reader.page.locator('[data-note=since]');
	expect(await lines.count(), 'what comes live is no news of this kind').toBe(0);

	await reader.page.goto(`${app.url}/favicon.svg`);
	await stage.publish('notifications', 'n2', 'n3');
	await stage.publish('logs', 'l2');
	await reader.visit(app.url);
	await until(async () => (await lines.count()) === 2, { what: 'both lists have it' });
	const texts = await reader.page
		.locator('ul[aria-labelledby="notifications-title"] > li')
		.evaluateAll((rows) =>
			rows.map((row) => row.querySelector('p')?.lastChild?.textContent?.trim() ?? row.textContent)
		);
	expect(texts.map((text) => text?.trim())).toEqual([
		'n3',
		'n2',
		'Above: new since you were away',
		'n1'
	]);

	// Seen is seen.
	const other = await DemoPage.open(reader.page.context());
	await reader.page.close();
	await other.visit(app.url);
	await other.shows('Notifications', 'n3');
	expect(await other.page.locator('[data-note=since]').count()).toBe(0);
});
