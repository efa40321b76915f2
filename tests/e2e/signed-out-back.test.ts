import { afterEach, describe, expect, it } from 'vitest';
import type { Browser } from 'playwright-core';
import { openBrowser } from '../support/browser.ts';
import { until } from '../support/until.ts';
import { DemoPage } from './demo-page.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest({ browser: false });

let browser: Browser;
afterEach(() => browser.close());

describe.each([
	{ name: 'keeps no pages in memory', keepsPages: false },
	{ name: 'keeps pages in memory', keepsPages: true }
])('in a browser that $name', ({ keepsPages }) => {
	it('"Back" after a sign-out in another tab shows nothing of who was signed in', async () => {
		browser = await openBrowser({ keepsPages });
		const app = await stage.app();
		const ada = await DemoPage.open(await browser.newContext());
		await ada.signUpByForm(app.url, 'ada');
		await stage.publish('notifications', 'For Ada to read');
		await ada.shows('Notifications', 'For Ada to read');
		// Load it from the server, so that the text is in what the browser may keep.
		await ada.visit(app.url);
		await ada.page.goto(`${app.url}/favicon.svg`);

		const other = await DemoPage.open(ada.page.context());
		await other.visit(app.url);
		await other.button('Sign out').click();
		await other.page.waitForURL((url) => url.pathname === '/login');

		const seen: string[] = [];
		await ada.page.evaluate(() => history.back()).catch(() => {});
		await until(
			async () => {
				// The page may be navigating.
				const text = await ada.page.textContent('body', { timeout: 1000 }).catch(() => '');
				seen.push(text ?? '');
				return new URL(ada.page.url()).pathname === '/' && text?.includes('Sign in');
			},
			{ what: 'the page for everybody is there', timeoutMs: 20_000 }
		);
		expect(seen.filter((text) => text.includes('For Ada to read'))).toEqual([]);
	});
});
