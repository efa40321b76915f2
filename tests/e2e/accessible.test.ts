/** Every page, held against the rules of axe-core: WCAG 2.2 A and AA, and its best practices. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import type { BuiltApp } from '../support/built-app.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();
const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds, one line per rule: `rule: selector`. */
async function violations(page: Page): Promise<string[]> {
	await page.evaluate(AXE);
	const { violations: found } = await page.evaluate<AxeResults>('axe.run()');
	return found.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
}

/** Sees every state of the pages in turn, and gives each to `look`. */
async function walk(page: Page, app: BuiltApp, look: (state: string) => Promise<void>) {
	const go = (path: string) => page.goto(app.url + path);
	const button = (name: string) => page.getByRole('button', { name, exact: true });

	await go('/');
	await button('Try it').first().waitFor();
	await look('signed out');
	await go('/login');
	await look('sign in');
	await button('Sign in').click();
	await page.getByText('Enter your').first().waitFor();
	await look('sign in, with problems');
	await go('/signup');
	await look('sign up');
	await go('/nowhere');
	await look('an error');

	await go('/');
	await button('Try it').first().click();
	await page.getByText('The book is for everything else.').waitFor();
	await stage.publish('notifications', 'a notice');
	await stage.publish('logs', 'a line');
	await page.getByRole('listitem').filter({ hasText: 'a notice' }).first().waitFor();
	await look('the story, with a notice in passing');
	await button('Disconnect').click();
	await button('Connect').waitFor();
	await look('disconnected');
	await button('Connect').click();
	await button('Inspect').click();
	await page.getByRole('region', { name: 'Inspector' }).waitFor();
	await look('the inspector');

	await go('/log');
	await page.getByRole('row').nth(2).waitFor();
	await look('the log');
	await page.keyboard.press('?');
	await page.getByRole('dialog').waitFor();
	await look('the keys of the log');
	await page.keyboard.press('Escape');
	await page.getByRole('row').nth(2).getByRole('link').click();
	await page.getByRole('heading', { name: 'Why you got this' }).waitFor();
	await look('an event');
	await go('/log/sql');
	await page.getByText('Run', { exact: true }).first().waitFor();
	await look('the console');
	await go('/log?topic=none-of-these');
	await look('the log, without what was asked for');
	await go('/account');
	await look('the account of a guest');
	await button('Keep the account').click();
	await page.waitForLoadState('load');
	await look('the account, with problems');
	if (existsSync('src/features/rooms')) {
		await go('/examples/rooms');
		await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
		await look('no rooms');
		await page.getByLabel('Name', { exact: true }).fill('The harbour');
		await button('Make the room').click();
		await page.getByLabel('Message', { exact: true }).fill('Is the lamp lit?');
		await page.keyboard.press('Enter');
		await page.getByRole('log').getByText('Is the lamp lit?').waitFor();
		await look('a room');
	}
	if (existsSync('src/routes/(demo)/examples/board')) {
		await go('/examples/board');
		await page.getByText('Live', { exact: true }).waitFor();
		await look('the board');
	}
}

it.each([
	['light', 360],
	['dark', 1440]
] as const)('axe finds nothing in any state of any page (%s, %d px)', async (theme, width) => {
	const app = await stage.app();
	const { page } = await stage.openPage({
		colorScheme: theme,
		viewport: { width, height: 900 },
		reducedMotion: 'reduce'
	});
	const found: string[] = [];
	await walk(page, app, async (state) => {
		found.push(...(await violations(page)).map((line) => `${state}: ${line}`));
	});
	expect(found).toEqual([]);
});
