import { describe, expect, it } from 'vitest';
import type { CDPSession, Page } from 'playwright-core';
import type { BuiltApp } from '../support/built-app.ts';
import { howMany } from '../support/long-forms.ts';
import { until } from '../support/until.ts';
import { DemoPage } from './demo-page.ts';
import { Stage } from './stage.ts';

// To load a page costs most of the time of a test. The tabs that it leaves open are tabs of the next.
const stage = Stage.forEachTest({ keeps: true });

/** More than the six connections that a browser has to a server; in the long form, more than the ten streams that a user may have. */
const TABS = howMany({ short: 7, long: 12 });

/** Tabs of one user that are open, and what was published since the first of them was opened. */
let tabs: DemoPage[] = [];
let told: string[] = [];

/** Opens tabs until there are as many, and closes those that are too many. */
async function withTabs(app: BuiltApp, count: number): Promise<DemoPage[]> {
	tabs = tabs.filter(({ page }) => !page.isClosed());
	if (tabs.length === 0) {
		told = [];
		tabs = [await openFirst(app)];
	}
	const profile = tabs[0]!.page.context();
	const others: DemoPage[] = [];
	while (tabs.length + others.length < count) others.push(await DemoPage.open(profile));
	await Promise.all(others.map((tab) => tab.visit(app.url)));
	tabs.push(...others);
	for (const { page } of tabs.splice(count)) await page.close();
	await areShared(app);
	return [...tabs];
}

async function openFirst(app: BuiltApp): Promise<DemoPage> {
	const first = await stage.openPage();
	await first.page.context().addInitScript(() => {
		const opened: EventSource[] = [];
		globalThis.EventSource = class extends EventSource {
			constructor(url: string | URL) {
				super(url);
				opened.push(this);
			}
		};
		Object.assign(globalThis, { opened });
	});
	await first.signUp(app.url, 'ada');
	return first;
}

/** Waits until one connection serves all tabs. */
const areShared = (app: BuiltApp) =>
	until(async () => (await app.connections()) === 1, {
		what: 'one connection serves all tabs',
		timeoutMs: 20_000
	});

/** Waits until one of the tabs has a connection, and the others have none. */
async function leaderOf(tabs: readonly DemoPage[]): Promise<DemoPage> {
	const hasConnection = ({ page }: DemoPage) =>
		page.evaluate(() => {
			const { opened } = globalThis as unknown as { opened: EventSource[] };
			return opened.some(({ readyState }) => readyState === EventSource.OPEN);
		});
	return until(
		async () => {
			const have = await Promise.all(tabs.map(hasConnection));
			return have.filter(Boolean).length === 1 && tabs[have.indexOf(true)];
		},
		{ what: 'one tab has a connection', timeoutMs: 30_000 }
	);
}

/** Publishes, and each tab shows it once, after what was published before. */
async function expectEverywhere(tabs: readonly DemoPage[]): Promise<void> {
	const newest = `n${told.length + 1}`;
	told.push(newest);
	await stage.publish('notifications', newest);
	for (const tab of tabs) {
		await tab.shows('Notifications', newest);
		expect(await tab.entries('Notifications')).toEqual([...told].reverse());
	}
}

describe('tabs of one browser, over HTTP/1.1', () => {
	it(`are all live over one connection, ${TABS} of them, each with its own topics, and each can still send`, async () => {
		const app = await stage.app();
		const tabs = await withTabs(app, TABS);
		await expectEverywhere(tabs);
		for (const { page } of tabs) {
			const status = await page.evaluate(async () => {
				const body = JSON.stringify({ action: 'reset' });
				const headers = { 'content-type': 'application/json' };
				return (await fetch('/api/chat', { method: 'POST', body, headers })).status;
			});
			expect(status).toBe(200);
		}

		// The first tab has the connection.
		await tabs[0]!.turn('Notifications', false);
		await tabs[1]!.turn('Logs', false);
		await areShared(app);
		await expectEverywhere(tabs.slice(1));
		await stage.publish('logs', 'l1');
		for (const tab of [tabs[0]!, ...tabs.slice(2)]) await tab.shows('Logs', 'l1');
		expect(await tabs[0]!.entries('Notifications'), 'what it has shown').toEqual(['n1']);
		expect(await tabs[1]!.entries('Logs')).toEqual([]);
		await tabs[0]!.turn('Notifications', true);
		await tabs[0]!.shows('Notifications', 'n2');
		await areShared(app);
		for (const tab of tabs) expect(tab.complaints).toEqual([]);
	});

	it.each([
		['is closed', async (page: Page) => page.close()],
		[
			'crashes',
			async (page: Page, cdp: CDPSession) => {
				cdp.send('Page.crash').catch(() => null);
				await page.waitForEvent('crash');
			}
		],
		['is frozen by the browser', freeze]
	])('go on when the tab with the connection %s', async (_, stop) => {
		const app = await stage.app();
		const tabs = await withTabs(app, 3);
		await expectEverywhere(tabs);
		const leader = await leaderOf(tabs);
		const others = tabs.filter((tab) => tab !== leader);
		const cdp = await leader.page.context().newCDPSession(leader.page);
		await stop(leader.page, cdp);
		await expectEverywhere(others);
		await expectEverywhere(others);
		if (stop !== freeze) await leaderOf(others);
		for (const tab of others) await tab.live();
		for (const tab of others) expect(tab.complaints).toEqual([]);
		await leader.page.close();
	});

	it('go on when the tab with the connection stands still, and when it goes on itself, it has missed nothing', async () => {
		const app = await stage.app();
		const tabs = await withTabs(app, 3);
		await expectEverywhere(tabs);
		const leader = await leaderOf(tabs);
		const others = tabs.filter((tab) => tab !== leader);
		const cdp = await leader.page.context().newCDPSession(leader.page);
		await standStill(leader.page, cdp);
		await expectEverywhere(others);
		await expectEverywhere(others);
		await leaderOf(others);
		for (const tab of others) await tab.live();
		for (const tab of others) expect(tab.complaints).toEqual([]);
		await cdp.send('Debugger.disable');
		await expectEverywhere(tabs);
		await areShared(app);
		await expectEverywhere(tabs);
	});

	it('are all told when their session ends, and show nothing of the user who signs in next', async () => {
		const app = await stage.app();
		const [one, other, bob] = await withTabs(app, 3);
		const before = [...told].reverse();
		await bob!.button('Sign out').click();
		for (const tab of [one!, other!]) await tab.status.filter({ hasText: 'Signed out' }).waitFor();
		await bob!.signUp(app.url, 'bob');
		await stage.sql`
			insert into events (topic, user_id, data)
			select 'notifications', id, jsonb_build_object(
				'id', 'n', 'type', 'info', 'message', 'For Bob alone', 'timestamp', now())
			from users where username = 'bob'`;
		await bob!.shows('Notifications', 'For Bob alone');
		for (const tab of [one!, other!]) expect(await tab.entries('Notifications')).toEqual(before);
	});
});

/** The browser tells the page, and then runs no script of it. */
async function freeze(_: Page, cdp: CDPSession): Promise<void> {
	await cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
}

/** The page runs no script any more, without having been told before. */
async function standStill(page: Page, cdp: CDPSession): Promise<void> {
	await cdp.send('Debugger.enable');
	const paused = new Promise((resolve) => cdp.once('Debugger.paused', resolve));
	void cdp.send('Debugger.pause');
	void page.evaluate(() => 1).catch(() => null);
	await paused;
}
