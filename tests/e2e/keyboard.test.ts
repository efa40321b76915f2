/** Whole ways through the pages without a mouse. At each press of Tab, the focus is somewhere, in the window, and shown. */
import { expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { until } from '../support/until.ts';
import { form, PASSWORD } from './account.ts';
import { WHOLE_STORY, type DemoPage } from './demo-page.ts';
import { Keyboard } from './keyboard.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

/** From small to large: what wraps or hides on a phone must be reached, too. */
const WIDTHS = [360, 1440];

const path = (page: Page) => new URL(page.url()).pathname;

/** Makes an account without a mouse, and leaves the page at its start. */
async function begin(url: string, width: number): Promise<{ reader: DemoPage; keys: Keyboard }> {
	const reader = await stage.openPage({ viewport: { width, height: 900 } });
	const keys = new Keyboard(reader.page);
	await reader.page.goto(`${url}/signup`);
	await keys.tabTo('User name');
	await keys.type('ada');
	await keys.tabTo('Password');
	await keys.type(PASSWORD);
	await keys.press('Enter');
	await reader.live();
	return { reader, keys };
}

it.each(WIDTHS)('the story, %d px wide', async (width) => {
	const app = await stage.app();
	const { reader, keys } = await begin(app.url, width);
	const { page } = reader;
	await stage.publish('notifications', 'a notice');
	await reader.shows('Notifications', 'a notice');

	await keys.press('Tab');
	await keys.at('Skip to the content');
	await keys.press('Enter');
	await expect.poll(() => keys.place()).toMatchObject({ shown: true });
	await keys.tabTo('Disconnect');
	await keys.press('Enter');
	await keys.at('Connect');
	await keys.press('Enter');
	await reader.live();
	await keys.at('Disconnect');
	await keys.tabTo(/^Notifications/);
	await keys.press('Space');
	await until(
		async () => (await reader.topicSwitch('Notifications').getAttribute('aria-checked')) === 'false'
	);
	await keys.at(/^Notifications/);
	await keys.press('Space');
	await reader.live();
	await keys.tabTo('Inspect');
	await keys.press('Enter');
	await keys.at(/^Inspector/);
	await keys.press('Escape');
	await keys.at('Inspect');
	await keys.tabTo('Cut the connection');
	await keys.press('Enter');
	await keys.at('Come back now');
	await keys.press('Enter');
	await keys.at('Cut the connection');
	await reader.live();

	await keys.tabTo('Send');
	const ready = reader.button('Send').and(page.locator(':not([aria-disabled])'));
	const over = reader.button('Play again');
	for (;;) {
		await ready.or(over).waitFor();
		if ((await over.count()) > 0) break;
		await keys.at('Send');
		await keys.press('Enter');
		await until(async () => (await ready.count()) === 0, { what: 'the line is said' });
	}
	await keys.at('Play again');
	expect((await reader.chatLines()).length).toBe(WHOLE_STORY.length);
	await keys.tabTo('Clear');
	await keys.press('Enter');
	await keys.at('Clear');
	await keys.tabTo('Sign out', 'Shift+Tab');
	await keys.press('Enter');
	await page.waitForURL(`${app.url}/login`);
});

it.each([1440])('the log, %d px wide', async (width) => {
	const app = await stage.app();
	const { reader, keys } = await begin(app.url, width);
	const { page } = reader;
	await stage.publish('notifications', 'one', 'two', 'three');
	await keys.tabTo('Log');
	await keys.press('Enter');
	await page.waitForURL(`${app.url}/log`);
	await page.getByRole('row').nth(3).waitFor();

	await keys.tabTo('Topic');
	await keys.type('notif*');
	await keys.press('Enter');
	await page.waitForURL(/topic=notif/);
	await keys.at('Topic');
	const found = await page.getByRole('row').getByRole('link').allTextContents();
	expect(found.length).toBeGreaterThanOrEqual(3);
	await keys.tabTo('Text in the data');
	await keys.tabTo('Value in the data');
	await keys.tabTo(/^For/);
	await keys.tabTo('Search');
	await keys.tabTo('Ids and times');
	await keys.press('Enter');
	await keys.tabTo('After id');
	await keys.tabTo(found[0]!.trim());
	await keys.press('Enter');
	const event = page.getByRole('region', { name: /^Event \d/ });
	await event.waitFor();
	expect(path(page)).toBe(`/log/${found[0]!.trim()}`);
	await keys.press('j');
	await event.getByRole('heading', { name: `Event ${found[1]!.trim()}` }).waitFor();
	await keys.tabTo('Copy link');
	await keys.tabTo('Copy');
	await keys.press('Enter');
	await page.getByText('Copied the data').waitFor();
	await keys.at('Copy');
	await keys.press('?');
	await page.getByRole('dialog').waitFor();
	await keys.at('Close');
	await keys.press('Enter');
	await keys.at('Copy');
	await keys.press('Escape');
	await event.waitFor({ state: 'hidden' });
	// The button went with the event: Tab goes on in the list.
	await keys.tabTo(/./);
	await keys.press('/');
	await keys.at('Text in the data');
	await keys.type('two');
	await keys.press('Enter');
	await page.waitForURL(/text=two/);
	await keys.at('Text in the data');
});

it.each([360])('the account, %d px wide', async (width) => {
	const app = await stage.app();
	const { reader, keys } = await begin(app.url, width);
	const { page } = reader;
	await fetch(`${app.url}/login`, form({ username: 'ada', password: PASSWORD }));
	await keys.tabTo(/Your account/);
	await keys.press('Enter');
	await page.waitForURL(`${app.url}/account`);

	await keys.tabTo('Sign out An unknown browser');
	await keys.press('Enter');
	await keys.at('That session has ended.');
	await keys.tabTo('Present password');
	await keys.type('wrong');
	await keys.tabTo('New password');
	await keys.type('another correct horse');
	await keys.press('Enter');
	await page.getByText('This is not your password').waitFor();
	await keys.at('Present password');
	await keys.type(PASSWORD);
	await keys.tabTo('New password');
	await keys.type('another correct horse');
	await keys.press('Enter');
	await keys.at(/^Your password is changed/);
	await keys.tabTo('Download your events');
	await keys.tabTo('Password');
	await keys.type('another correct horse');
	await keys.tabTo('Delete the account');
	await keys.press('Enter');
	await page.waitForURL(/deleted/);
});
