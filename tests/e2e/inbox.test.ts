/** Notifications as an inbox: read, unread and cleared are the same on every device of a user. */
import { expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { until } from '../support/until.ts';
import type { DemoPage } from './demo-page.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

/** How many are unread, as the panel and the title of the document say. */
async function unread({ page }: DemoPage): Promise<[badge: number, title: number]> {
	const [badge = '0'] = await page.getByTestId('unread').allTextContents();
	const [, title = '0'] = /^\((\d+)\+?\) Logline$/.exec(await page.title()) ?? [];
	return [parseInt(badge), Number(title)];
}

const hasUnread = (device: DemoPage, count: number) =>
	until(async () => (await unread(device)).join() === [count, count].join(), {
		what: `${count} are unread`
	}).finally(async () => expect(await unread(device)).toEqual([count, count]));

const messages = (page: Page) => page.getByRole('region', { name: /^Messages/ });

/** Whether the focus is on something. */
const focused = (page: Page) =>
	page.evaluate(() => {
		const { activeElement } = document;
		return activeElement === document.body ? 'BODY' : (activeElement?.textContent ?? '').trim();
	});

/** Two devices of one user, live. */
async function twoDevices(): Promise<{ desk: DemoPage; phone: DemoPage; url: string }> {
	const { url } = await stage.app();
	const desk = await stage.openPage();
	await desk.signUp(url, 'ada');
	const phone = await stage.openPage({ viewport: { width: 360, height: 740 } });
	await phone.signIn(url, 'ada');
	return { desk, phone, url };
}

it('what is read on one device is read on the other, without a reload', async () => {
	const { desk, phone } = await twoDevices();
	// A sign-in from a second device is a notification, too.
	for (const device of [desk, phone]) await hasUnread(device, 1);
	await stage.publish('notifications', 'n1', 'n2');
	for (const device of [desk, phone]) await hasUnread(device, 3);
	expect(await desk.entries('Notifications')).toEqual(['n2', 'n1', expect.stringMatching('New')]);
	await messages(desk.page).getByText('n2').waitFor();

	await phone.button('Mark all read').click();
	for (const device of [desk, phone]) await hasUnread(device, 0);
	expect(await desk.page.title()).toBe('Logline');
	await stage.publish('notifications', 'n3');
	for (const device of [desk, phone]) await hasUnread(device, 1);
	expect([...desk.complaints, ...phone.complaints]).toEqual([]);
});

it('the server renders the unread count, and the scripts do not change it', async () => {
	const app = await stage.app();
	const ada = await stage.openPage();
	await ada.signUp(app.url, 'ada');
	await stage.publish('notifications', 'read');
	await hasUnread(ada, 1);
	await ada.button('Mark all read').click();
	await hasUnread(ada, 0);
	await stage.publish('notifications', 'n1', 'n2');
	await hasUnread(ada, 2);
	const { page } = ada;
	let loadScripts = () => {};
	const held = new Promise<void>((resolve) => (loadScripts = resolve));
	await page.route(/\.js$/, async (route) => {
		await held;
		await route.continue();
	});
	await page.goto(app.url, { waitUntil: 'commit' });
	await ada.shows('Notifications', 'n2');
	expect(await unread(ada)).toEqual([2, 2]);
	// Every count that is ever shown from here on.
	await page.evaluate(() => {
		const seen = new Set<string>();
		const note = () =>
			seen.add(`${document.title}|${document.querySelector('[data-testid=unread]')?.textContent}`);
		note();
		new MutationObserver(note).observe(document, {
			subtree: true,
			childList: true,
			characterData: true
		});
		Object.assign(globalThis, { seen });
	});
	loadScripts();
	await ada.live();
	const seen = await page.evaluate(() => [
		...(globalThis as unknown as { seen: Set<string> }).seen
	]);
	expect(seen.map((text) => text.replace(/\s+/g, ' ').trim())).toEqual(['(2) Logline|2 unread']);
	expect(ada.complaints).toEqual([]);
});

it('what is cleared goes on every device and can be undone, with the keyboard, too', async () => {
	const { desk, phone, url } = await twoDevices();
	await stage.publish('notifications', 'n1', 'n2');
	for (const device of [desk, phone]) await hasUnread(device, 3);
	await phone.button('Clear').click();
	for (const device of [desk, phone]) {
		await until(async () => (await device.entries('Notifications')).length === 0);
		await hasUnread(device, 0);
	}
	await messages(phone.page).getByRole('button', { name: 'Undo' }).click();
	for (const device of [desk, phone]) await hasUnread(device, 3);

	const clear = desk.button('Clear');
	await clear.focus();
	await desk.page.keyboard.press('Enter');
	const undo = messages(desk.page).getByRole('button', { name: 'Undo' });
	await undo.focus();
	await desk.page.keyboard.press('Enter');
	for (const device of [desk, phone]) await hasUnread(device, 3);
	await undo.waitFor({ state: 'detached' });
	expect(await focused(desk.page), 'back where it came from').toBe('Clear');

	// A tab that is closed in between loses nothing.
	await clear.click();
	await until(async () => (await phone.entries('Notifications')).length === 0);
	await desk.page.close();
	const again = await stage.openPage();
	await again.signIn(url, 'ada');
	expect((await again.entries('Notifications')).filter((text) => text.startsWith('n'))).toEqual([]);
	await again.button('Clear').click();
	await phone.button('Show what was cleared').click();
	for (const device of [again, phone]) {
		await until(async () => (await device.entries('Notifications')).includes('n1'));
	}
	expect(await focused(phone.page)).not.toBe('BODY');
	expect([...phone.complaints, ...again.complaints]).toEqual([]);
});

it('a reset of the chat asks for nothing, and the story that was there comes back', async () => {
	const { url } = await stage.app();
	const ada = await stage.openPage();
	await ada.signUp(url, 'ada');
	await ada.playTo(8);
	await ada.button('Send').and(ada.page.locator(':not([aria-disabled])')).waitFor();
	const before = await ada.chatLines();
	await ada.button('Reset').focus();
	await ada.page.keyboard.press('Enter');
	const undo = messages(ada.page).getByRole('button', { name: 'Undo' });
	await undo.waitFor();
	await until(async () => (await ada.chatLines()).length < before.length);
	await undo.focus();
	await ada.page.keyboard.press('Enter');
	await until(async () => (await ada.chatLines()).join() === before.join());
	await undo.waitFor({ state: 'detached' });
	expect(await focused(ada.page)).toBe('Reset');
	await ada.page.reload();
	await ada.live();
	expect(await ada.chatLines()).toEqual(before);
	await ada.playToEnd();
	expect(ada.complaints).toEqual([]);
});
