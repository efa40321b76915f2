import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Browser, BrowserContext } from 'playwright-core';
import { openBrowser } from '../support/browser.ts';
import { startFront, type Front } from '../support/front.ts';
import { until } from '../support/until.ts';
import { DemoPage } from './demo-page.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest({ browser: false });

let browser: Browser;
let front: Front | null = null;
let profile: BrowserContext | null = null;
// Playwright turns the back/forward cache off, which real browsers have.
beforeAll(async () => {
	browser = await openBrowser({ keepsPages: true });
});
afterEach(async () => {
	await profile?.close();
	await front?.close();
});
afterAll(() => browser.close());

/** Opens the page of a new user, behind a proxy. */
async function open(env: Record<string, string> = {}): Promise<{
	app: Awaited<ReturnType<Stage['start']>>;
	proxy: Front;
	reader: DemoPage;
}> {
	const proxy = (front = await startFront(() => app.port));
	const app = await stage.start({ publicPort: proxy.port, env });
	profile = await browser.newContext();
	const reader = await DemoPage.open(profile);
	return { app, proxy, reader };
}

/** Waits until the page tells this beside its dot and in its banner. '': there is no banner. */
async function tells({ page, status }: DemoPage, word: string, sentence: string): Promise<void> {
	await status.filter({ hasText: word }).waitFor();
	const banner = page.getByTestId('stream-banner');
	if (sentence === '') await banner.waitFor({ state: 'detached' });
	else await banner.filter({ hasText: sentence }).waitFor();
}

describe('a page that the reader leaves and comes back to', () => {
	it.each([
		// The application loads such a page again, because another user may have signed in. The client would not need it.
		{ how: 'kept by the browser', isLoaded: false },
		{ how: 'kept by the browser, and loaded again', isLoaded: true }
	])(
		'goes on when it is $how: nothing is missing, nothing is there twice',
		async ({ isLoaded }) => {
			const { app, reader } = await open();
			await reader.page.addInitScript((isLoaded) => {
				const listen = window.addEventListener.bind(window);
				listen('pageshow', ({ persisted }) => {
					if (persisted) sessionStorage.setItem('kept', 'yes');
				});
				// Of those that listen, only the client ends it by a signal.
				if (!isLoaded) {
					window.addEventListener = (
						type: string,
						listener: EventListenerOrEventListenerObject,
						options?: boolean | AddEventListenerOptions
					) => {
						const isClient = typeof options === 'object' && options.signal;
						if (type !== 'pageshow' || isClient) listen(type, listener, options);
					};
				}
			}, isLoaded);
			await reader.signUp(app.url, 'ada');
			await reader.visit(app.url);
			await stage.publish('notifications', 'n1');
			await reader.shows('Notifications', 'n1');

			await reader.page.goto(`${app.url}/favicon.svg`);
			await stage.publish('notifications', 'n2');
			await reader.page.goBack({ waitUntil: 'commit' });
			await reader.shows('Notifications', 'n2');
			await reader.live();
			expect(await reader.page.evaluate(() => sessionStorage.getItem('kept'))).toBe('yes');
			await stage.publish('notifications', 'n3');
			await reader.shows('Notifications', 'n3');
			expect(await reader.entries('Notifications')).toEqual(['n3', 'n2', 'n1']);
			if (!isLoaded) expect(await reader.counter('Notifications')).toBe(3);
		}
	);
});

describe('a page tells what holds it up, and goes on by itself', () => {
	it('without a network, and when the server is restarted', async () => {
		const { app, proxy, reader } = await open();
		await reader.signUp(app.url, 'ada');
		// To the browser it is only said. So the connection is cut, too.
		await profile!.setOffline(true);
		proxy.answer({ status: 502, body: '' });
		proxy.answer(null);
		await tells(reader, 'Offline', 'Your device is offline.');
		expect(await reader.page.getByRole('alert').count(), 'nothing alarming').toBe(0);
		await stage.publish('notifications', 'n1');
		await profile!.setOffline(false);
		await tells(reader, 'Live', '');
		await reader.shows('Notifications', 'n1');

		await app.terminate();
		await tells(reader, 'Not connected', 'The server does not serve at the moment.');
		await stage.publish('notifications', 'n2');
		await app.restart();
		await reader.shows('Notifications', 'n2');
		await tells(reader, 'Live', '');
		expect(await reader.counter('Notifications')).toBe(2);
		expect(await reader.entries('Notifications')).toEqual(['n2', 'n1']);
	});

	it('behind a proxy without a server, a server that drains, one that refuses, and a captive portal', async () => {
		const { app, proxy, reader } = await open();
		await reader.signUp(app.url, 'ada');
		const refusal = (status: number, code: string, message: string, retryAfter: string) => ({
			status,
			headers: { 'content-type': 'application/json', 'retry-after': retryAfter },
			body: JSON.stringify({ error: { code, message } })
		});

		proxy.answer({ status: 502, body: '<h1>Bad gateway</h1>' });
		await tells(reader, 'Not connected', 'The server does not serve at the moment.');

		proxy.answer(refusal(503, 'draining', 'The server is shutting down.', '1'));
		await reader.button('Retry now').click();
		await tells(reader, 'Reconnecting', 'The server is being renewed.');

		proxy.answer(refusal(429, 'too_many_connections', 'At most 10 streams per user.', '120'));
		await reader.button('Retry now').click();
		await tells(reader, 'Not connected', 'At most 10 streams per user. It is tried again');
		await reader.status.filter({ hasText: /in 1\d\d s/ }).waitFor();

		proxy.answer({ status: 200, body: '<h1>Welcome to our hotel</h1>' });
		const before = proxy.streams;
		await reader.button('Retry now').click();
		await tells(reader, 'Not connected', 'Something between this page and the server');
		// The attempt, and the question why it failed. Without a wait there would be hundreds.
		expect(proxy.streams - before).toBeLessThan(10);

		await stage.publish('notifications', 'n1');
		proxy.answer(null);
		await reader.shows('Notifications', 'n1');
		await tells(reader, 'Live', '');
		expect(await reader.entries('Notifications')).toEqual(['n1']);
	});

	it('when its session has ended, during a stream or between two', async () => {
		const { app, proxy, reader } = await open();
		await reader.signUp(app.url, 'ada');
		proxy.answer({ status: 502, body: '' });
		await tells(reader, 'Not connected', 'The server does not serve at the moment.');
		await stage.sql`delete from sessions`;
		proxy.answer(null);
		await tells(reader, 'Signed out', 'You have been signed out.');
		const tried = proxy.streams;

		await reader.page.getByTestId('stream-banner').getByRole('link', { name: 'Sign in' }).click();
		await reader.page.waitForURL((url) => url.pathname === '/login');
		await reader.signIn(app.url, 'ada');
		expect(proxy.streams, 'nobody asked in vain').toBeLessThanOrEqual(tried + 2);
		await stage.sql`delete from sessions`;
		await tells(reader, 'Signed out', 'You have been signed out.');
		await until(async () => (await reader.button('Retry now').count()) === 0);
	});
});
