/** Nothing on a page moves because something came. */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { watchShifts } from './layout-shift.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

/** Of each topic: what the demo writes in a minute, and more. */
const EVENTS = 40;

/** A good page has less than 0.1 (https://web.dev/articles/cls). */
const MOST_SHIFT = 0.02;

it.each([
	{ width: 360, height: 740 },
	{ width: 1440, height: 900 }
])('with a minute of live data, at $width px', async (viewport) => {
	const app = await stage.app();
	const reader = await stage.openPage({ viewport });
	const { page } = reader;
	const shifts = await watchShifts(page);
	await reader.signUp(app.url, 'ada');
	await reader.visit(app.url);
	for (let n = 1; n <= EVENTS; n++) {
		await stage.publish('notifications', `a notice ${n}`);
		await stage.publish('logs', `a line ${n}`);
		// Some come in one moment, as after an absence.
		if (n % 20 > 9) await reader.shows('Logs', `a line ${n}`);
		if (n === 20) await reader.reply();
	}
	expect(await shifts(), 'the start page').toBeLessThan(MOST_SHIFT);

	await page.goto(`${app.url}/log`);
	await page.getByText('Live', { exact: true }).first().waitFor();
	for (let n = 1; n <= EVENTS; n++) {
		await stage.publish('logs', `the log ${n}`);
		if (n % 20 > 9) await page.getByText(`the log ${n}`).first().waitFor();
	}
	expect(await shifts(), 'the log').toBeLessThan(MOST_SHIFT);
});

it('a shift is seen by this test', async () => {
	const app = await stage.app();
	const { page } = await stage.openPage();
	const shifts = await watchShifts(page);
	await page.goto(`${app.url}/login`);
	await page.evaluate(async () => {
		const drawn = () => new Promise((resolve) => requestAnimationFrame(resolve));
		await drawn();
		document.querySelector('main')!.style.paddingTop = '200px';
		await drawn();
	});
	await expect.poll(shifts).toBeGreaterThan(MOST_SHIFT);
});

declare global {
	/** In the page: where an edge was in each frame that was painted, and when. */
	var looks: { time: number; at: number }[];
	var watch: (find: () => Element, edge: 'top' | 'bottom') => void;
}

// The observer looks when all is laid out: a script of the page sees what is measured and moved again before it is painted.
const WATCH = `globalThis.looks = [];
	globalThis.watch = (find, edge) => {
		const observer = new IntersectionObserver(([{ time, boundingClientRect }]) => {
			looks.push({ time, at: boundingClientRect[edge] });
			observer.disconnect();
		});
		observer.observe(find());
		requestAnimationFrame(() => watch(find, edge));
	};`;

it('a row of a short list in the log only goes down while new ones come', async () => {
	const app = await stage.app();
	const reader = await stage.openPage({ viewport: { width: 1440, height: 900 } });
	const { page } = reader;
	await page.addInitScript(WATCH);
	await reader.signUp(app.url, 'ada');
	await stage.publish('notifications', 'the old one');
	await page.goto(`${app.url}/log?topic=notifications`);
	await page.getByText('Live', { exact: true }).first().waitFor();
	const old = page.getByRole('row').filter({ hasText: 'the old one' });
	await old.evaluate((row) => watch(() => row, 'top'));
	for (let n = 1; n <= 5; n++) {
		await stage.publish('notifications', `${n} a`, `${n} b`, `${n} c`);
		await page.getByText(`${n} c`).waitFor();
	}
	await atRest(page);
	const tops = await looked(page);
	expect(tops.at(-1)! - tops[0]!).toBeGreaterThan(15 * 20);
	let lowest = 0;
	let back = 0;
	for (const top of tops) {
		lowest = Math.max(lowest, top);
		back = Math.max(back, lowest - top);
	}
	expect(back).toBeLessThan(1);
});

it('many events at once leave no empty strip at the end of the log', async () => {
	const app = await stage.app();
	const reader = await stage.openPage({ viewport: { width: 1440, height: 900 } });
	const { page } = reader;
	await page.addInitScript(WATCH);
	await reader.signUp(app.url, 'ada');
	await stage.publish('logs', ...Array.from({ length: 90 }, (_, n) => `line ${n}`));
	await page.goto(`${app.url}/log?topic=logs`);
	await page.getByText('Live', { exact: true }).first().waitFor();
	const end = await page.getByRole('rowgroup').evaluate((list) => {
		watch(() => [...list.querySelectorAll('[data-id]')].at(-1)!, 'bottom');
		return list.getBoundingClientRect().bottom;
	});
	await stage.sql`
		insert into events (topic, data) select 'logs', jsonb_build_object('id', n::text, 'level', 'info',
			'source', 'test', 'message', 'more ' || n, 'timestamp', now()) from generate_series(1, 25) as n`;
	await page.getByText('more 25').waitFor();
	await atRest(page);
	expect(Math.min(...(await looked(page)))).toBeGreaterThan(end - 1);
});

/** @returns where the watched edge was, frame by frame: the observers do not report in order */
async function looked(page: Page): Promise<number[]> {
	const found = await page.evaluate(() => looks);
	return found.sort((a, b) => a.time - b.time).map(({ at }) => at);
}

/** Waits until what is watched stays the same. */
const atRest = (page: Page) =>
	until(
		async () => {
			const last = (await looked(page)).slice(-12);
			return last.length === 12 && last.every((at) => at === last[0]);
		},
		{ what: 'nothing moves any more', everyMs: 50 }
	);

it('a reader who scrolled before the page was alive stays there', async () => {
	const app = await stage.app();
	const reader = await stage.openPage();
	const { page } = reader;
	await reader.signUp(app.url, 'ada');
	await say(40);
	await page.getByText('said 40', { exact: true }).waitFor();

	let release = () => {};
	const released = new Promise<void>((resolve) => (release = resolve));
	await page.route('**/*.js', async (route) => {
		await released;
		await route.continue();
	});
	await page.goto(app.url, { waitUntil: 'commit' });
	const log = page.getByRole('log', { name: 'Conversation' });
	await log.getByText('said 40', { exact: true }).waitFor();
	const line = log.getByText('said 20', { exact: true });
	await line.evaluate((shown) => shown.scrollIntoView({ block: 'center' }));
	const before = (await line.boundingBox())!.y;
	release();
	await reader.live();
	await say(1, 'meanwhile');
	await log.getByText('meanwhile 1', { exact: true }).waitFor({ state: 'attached' });
	expect(Math.abs((await line.boundingBox())!.y - before)).toBeLessThan(2);
	await page.getByRole('button', { name: /new line/ }).waitFor();
});

it('the way to the newest line arrives while new lines come', async () => {
	const app = await stage.app();
	const reader = await stage.openPage();
	const { page } = reader;
	await reader.signUp(app.url, 'ada');
	await say(60);
	const log = page.getByRole('log', { name: 'Conversation' });
	await log.getByText('said 60', { exact: true }).waitFor();
	// While the lines before it come into view, the page scrolls, too.
	const scrollsUp = (shown: Element) =>
		new Promise<boolean>((resolve) => {
			shown.scrollTop = -2000;
			const look = () => resolve(shown.scrollTop < -500);
			requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(look)));
		});
	await until(() => log.evaluate(scrollsUp), { what: 'the reader is away from the newest line' });
	await say(1, 'missed');
	await page.getByRole('button', { name: /new line/ }).click();
	await say(1, 'on the way');
	await log.getByText('on the way 1', { exact: true }).waitFor({ state: 'attached' });
	await until(() => log.evaluate((shown) => shown.scrollTop === 0), {
		what: 'the newest line is in view',
		timeoutMs: 5000
	});
});

/** Lets the story's character say lines to the only user. */
async function say(count: number, text = 'said'): Promise<void> {
	await stage.sql`
		insert into events (topic, user_id, data) select 'message', (select id from users), jsonb_build_object(
			'id', ${text}::text || n, 'sender', 'Odile', 'text', ${text}::text || ' ' || n)
		from generate_series(1, ${count}::int) as n`;
}
