import { expect, it } from 'vitest';
import type { Request } from 'playwright-core';
import { until } from '../support/until.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

it('the inspector is loaded when it is opened, by a button or a key, and shows what the stream does', async () => {
	const app = await stage.app();
	const reader = await stage.openPage();
	const { page } = reader;
	const scripts: string[] = [];
	page.on('response', (response) => {
		if (response.url().endsWith('.js')) scripts.push(response.url());
	});
	await reader.signUp(app.url, 'ada');
	const before = scripts.length;
	const inspector = page.getByRole('region', { name: 'Inspector' });
	expect(await inspector.count()).toBe(0);

	await page.keyboard.press('Alt+KeyI');
	await inspector.waitFor();
	expect(scripts.length, 'it is not among what every reader loads').toBeGreaterThan(before);
	expect(await inspector.evaluate((it) => it === document.activeElement)).toBe(true);
	const frames = inspector.getByRole('list', { name: 'Events as they came' }).getByRole('listitem');
	// It tells what came before it was opened, too.
	await frames.filter({ hasText: 'caught-up' }).waitFor();
	await stage.publish('logs', 'to be inspected');
	await frames.filter({ hasText: 'to be inspected' }).waitFor();
	const [newest] = await stage.sql<{ id: string }[]>`
		select max(id)::text as id from events where topic = 'logs'`;
	const cursor = inspector.locator('tr[data-topic="logs"] td').first();
	expect(await cursor.textContent()).toBe(newest!.id);

	await inspector.getByRole('button', { name: 'Cut', exact: true }).click();
	await inspector.getByText('Disconnected', { exact: true }).waitFor();
	await stage.publish('logs', 'while it was cut');
	await inspector.getByRole('button', { name: 'Connect' }).click();
	await frames.filter({ hasText: 'while it was cut' }).waitFor();

	// A cut for a time ends when the drawer is closed, and so does the drawer itself.
	await inspector.getByRole('button', { name: 'Cut for 5 s' }).click();
	await inspector.getByText('Disconnected', { exact: true }).waitFor();
	await page.keyboard.press('Escape');
	await inspector.waitFor({ state: 'detached' });
	await reader.live();
	await page.keyboard.press('Alt+KeyI');

	await app.kill9();
	await inspector.getByText(/next attempt in \d+ s/).waitFor();
	await page.keyboard.press('Escape');
	await inspector.waitFor({ state: 'detached' });
	expect(
		await reader.button('Inspect').evaluate((it) => it === document.activeElement),
		'the focus returns to the button'
	).toBe(true);
	expect(
		await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
	).toBeLessThanOrEqual(0);
});

it('a page that goes with an inspector that cuts it leaves no stream open', async () => {
	const app = await stage.app();
	const reader = await stage.openPage();
	const { page } = reader;
	await reader.signUp(app.url, 'ada');
	const open = new Set<Request>();
	page.on('request', (request) => {
		if (/\/api\/events.*topics=prompt/.test(request.url())) open.add(request);
	});
	page.on('requestfailed', (request) => open.delete(request));
	await page.keyboard.press('Alt+KeyI');
	await page.getByRole('button', { name: 'Cut for 5 s' }).click();
	await page.getByRole('link', { name: 'Rooms' }).click();
	await page.getByText('No rooms yet').waitFor();
	await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
	await until(() => open.size === 0, { what: 'the stream of the story is closed' });
});
