import { describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { until } from '../support/until.ts';
import { PASSWORD } from './account.ts';
import { WHOLE_STORY } from './demo-page.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

describe('the page that the server renders', () => {
	it('shows the history before any script runs, and goes on from there without a hole or a double', async () => {
		const app = await stage.app();
		const writer = await stage.openPage();
		await writer.signUp(app.url, 'ada');
		await writer.playToEnd();
		await stage.publish('notifications', 'n1', 'n2');
		await stage.publish('logs', 'l1', 'l2');
		await writer.shows('Logs', 'l2');

		// The page has arrived but its scripts have not, and events are published meanwhile.
		const { page } = writer;
		let loadScripts = () => {};
		const held = new Promise<void>((resolve) => (loadScripts = resolve));
		await page.route(/\.js$/, async (route) => {
			await held;
			await route.continue();
		});
		await page.goto(app.url, { waitUntil: 'commit' });
		await writer.shows('Notifications', 'n2');
		const rendered = {
			chat: await writer.chatLines(),
			notifications: await writer.entries('Notifications'),
			logs: await writer.entries('Logs')
		};
		expect(rendered).toEqual({
			chat: WHOLE_STORY,
			notifications: ['n2', 'n1'],
			logs: ['l2', 'l1']
		});
		await rememberItems(page);
		await stage.publish('notifications', 'n3');
		await stage.publish('logs', 'l3');
		loadScripts();
		await writer.live();
		await writer.shows('Notifications', 'n3');
		await writer.shows('Logs', 'l3');

		expect(await writer.chatLines()).toEqual(WHOLE_STORY);
		expect(await writer.entries('Notifications')).toEqual(['n3', 'n2', 'n1']);
		expect(await writer.entries('Logs')).toEqual(['l3', 'l2', 'l1']);
		expect(await writer.counter('Notifications'), 'only what is new came by the stream').toBe(1);
		expect(await writer.counter('Logs')).toBe(1);
		expect(await remembered(page), 'what was there stays; it is not drawn anew').toBe(
			WHOLE_STORY.length + 4
		);
		expect(writer.complaints).toEqual([]);
	});

	it('serves people without JavaScript: sign up, read, sign out, sign in', async () => {
		const app = await stage.app();
		const reader = await stage.openPage({ javaScriptEnabled: false });
		const { page } = reader;
		const submit = async (button: string) => {
			await page.getByLabel('User name').fill('ada');
			await page.getByLabel('Password').fill(PASSWORD);
			await reader.button(button).click();
		};

		await page.goto(app.url);
		expect(new URL(page.url()).pathname, 'who is not signed in reads what it is').toBe('/');
		await page.getByRole('link', { name: 'Create an account' }).click();
		await page.getByLabel('User name').fill('ada');
		await page.getByLabel('Password').fill('short');
		await reader.button('Create an account').click();
		await page.getByText('A password has at least 8 characters.').waitFor();
		expect(await page.getByLabel('User name').inputValue()).toBe('ada');
		await submit('Create an account');
		await page.waitForURL(`${app.url}/`);

		await stage.publish('notifications', 'For readers without scripts');
		await stage.sql`
			insert into events (topic, user_id, data) values ('message', (select id from users),
				'{"id": "1", "sender": "Scribe", "text": "Good evening."}')`;
		// The rendering server learns of a row a moment after its commit.
		await until(async () => {
			await page.reload();
			return (await reader.chatLines()).length > 0;
		});
		expect(await reader.entries('Notifications')).toEqual(['For readers without scripts']);
		expect(await reader.chatLines()).toEqual(['Good evening.']);
		for (const control of await page.getByRole('switch').all()) {
			expect(await control.isVisible(), 'nothing is offered that cannot work').toBe(false);
		}

		await reader.button('Sign out').click();
		await page.waitForURL(`${app.url}/login`);
		await submit('Sign in');
		await page.waitForURL(`${app.url}/`);
		expect(await reader.chatLines()).toEqual(['Good evening.']);
	});
});

describe.each([
	{ name: 'a phone', viewport: { width: 360, height: 740 } },
	{ name: 'a desktop', viewport: { width: 1440, height: 900 } }
])('on $name', ({ viewport }) => {
	it('no page has to be scrolled sideways', async () => {
		const app = await stage.app();
		const reader = await stage.openPage({ viewport });
		const { page } = reader;
		await reader.signUp(app.url, 'ada');
		await stage.publish('notifications', `A very long word: ${'Donaudampfschiff'.repeat(12)}`);
		await stage.publish('logs', `/a/path/without/a/space/${'segment/'.repeat(40)}`);
		await reader.shows('Logs', '/a/path');
		expect(await overflow(page), 'live').toBe(0);
		for (const path of ['/', '/no-such-page', '/login', '/signup']) {
			if (path === '/login') {
				await page.context().clearCookies();
				await page.goto(app.url);
				expect(await overflow(page), 'signed out').toBe(0);
			}
			await page.goto(app.url + path);
			expect(await overflow(page), path).toBe(0);
		}
	});

	it('all that can be done can be done with the keyboard', async () => {
		const app = await stage.app();
		const reader = await stage.openPage({ viewport });
		await reader.signUp(app.url, 'ada');
		await reader.button('Send').and(reader.page.locator(':not([aria-disabled])')).waitFor();

		const reached = await tabThrough(reader.page);
		for (const name of ['Sign out', 'Disconnect', 'Notifications', 'Logs', 'Reset', 'Send']) {
			expect(
				reached.some((found) => found.startsWith(name)),
				`${name} in ${reached.join(', ')}`
			).toBe(true);
		}

		const said = (await reader.chatLines()).length;
		await reader.button('Send').focus();
		await reader.page.keyboard.press('Enter');
		await reader.chatReaches(said + 1);
		await reader.topicSwitch('Logs').focus();
		await reader.page.keyboard.press('Space');
		expect(await reader.topicSwitch('Logs').getAttribute('aria-checked')).toBe('false');
	});
});

/** Marks the present list items. */
async function rememberItems(page: Page): Promise<void> {
	await page.evaluate(() => {
		for (const item of document.querySelectorAll('section li')) item.toggleAttribute('data-seen');
	});
}

/** Returns how many of the marked list items are still there. */
async function remembered(page: Page): Promise<number> {
	return page.locator('section li[data-seen]').count();
}

/** Returns by how many pixels the page is wider than the window. */
function overflow(page: Page): Promise<number> {
	return page.evaluate(
		() => document.documentElement.scrollWidth - document.documentElement.clientWidth
	);
}

/** Returns the texts of all elements that Tab reaches, from the top of the page until it starts again. */
async function tabThrough(page: Page): Promise<string[]> {
	const reached: string[] = [];
	for (let i = 0; i < 100; i++) {
		await page.keyboard.press('Tab');
		const found = await page.evaluate(() => {
			const element = document.activeElement;
			if (!element || element === document.body) return null;
			const again = element.hasAttribute('data-reached');
			element.setAttribute('data-reached', '');
			if (again) return null;
			return (element.getAttribute('aria-label') ?? element.textContent ?? '').trim();
		});
		if (found === null) return reached;
		reached.push(found);
	}
	throw new Error(`Tab does not come to an end: ${reached.join(', ')}`);
}
