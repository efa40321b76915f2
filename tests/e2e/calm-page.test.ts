import { describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { startProxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';
import { DemoPage } from './demo-page.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

/** The most that the page may load, in octets of compressed script. */
const MOST_SCRIPT = 90_000;

/** Returns the focused element: its accessible name, or BODY. */
const focus = (page: Page) =>
	page.evaluate(() => {
		const { activeElement } = document;
		if (!activeElement || activeElement === document.body) return 'BODY';
		return (
			activeElement.getAttribute('aria-label') ??
			(activeElement.textContent?.trim() || activeElement.tagName)
		);
	});

describe('a page that waits', () => {
	it('keeps no processor busy: nothing on it moves for ever', async () => {
		const app = await stage.start({ env: { DEMO: '1' } });
		const reader = await stage.openPage();
		const moves = () =>
			reader.page.evaluate(() =>
				document
					.getAnimations()
					.filter(({ effect }) => effect?.getComputedTiming().iterations === Infinity)
					.map((animation) => (animation as CSSAnimation).animationName)
			);
		const rests = (what: string) =>
			until(async () => (await moves()).length === 0, { what: `nothing moves on ${what}` });
		await reader.page.goto(app.url);
		await reader.page.getByText('live, without an account').waitFor();
		await rests('the page for guests');
		await reader.signUp(app.url, 'ada');
		// Who types in the story moves, until it waits for an answer.
		await reader.chatReaches(1);
		await until(() => reader.button('Send').isVisible(), { what: 'the story waits' });
		await rests('the start page');
		for (const path of ['/log', '/examples/rooms', '/examples/board', '/account']) {
			await reader.page.goto(app.url + path);
			await rests(path);
		}
	});
});

describe('a page whose lists are full', () => {
	it.each([
		{ width: 360, height: 740 },
		{ width: 1440, height: 900 }
	])('ends where its content ends, at $width px', async (viewport) => {
		const app = await stage.app();
		await stage.sql`
			insert into events (topic, data) select topic, jsonb_build_object('id', n, 'type', 'info', 'level', 'info',
				'source', 'test', 'message', 'line ' || n, 'timestamp', now())
			from generate_series(1, 200) as n, unnest(array['notifications', 'logs']) as topic`;
		const reader = await stage.openPage({ viewport });
		await reader.signUp(app.url, 'ada');
		await reader.playToEnd();
		await until(async () => (await reader.entries('Logs')).length === 200);
		const { page } = reader;
		const look = () =>
			page.evaluate(() => {
				const content = document.querySelector('main')!.getBoundingClientRect();
				return {
					beyond: Math.max(
						0,
						Math.round(
							document.documentElement.scrollHeight -
								Math.max(innerHeight, content.bottom + scrollY)
						)
					),
					strays: [...document.querySelectorAll<HTMLElement>('body *')].filter((element) => {
						if (getComputedStyle(element).position !== 'absolute') return false;
						const scroller = element.parentElement?.closest('.overflow-y-auto');
						return scroller && !scroller.contains(element.offsetParent);
					}).length
				};
			});
		expect(await look()).toEqual({ beyond: 0, strays: 0 });
	});

	it('comes compressed, with each icon once, and with less than 90 kB of scripts', async () => {
		const app = await stage.app();
		await stage.publish('logs', ...Array.from({ length: 60 }, (_, n) => `line ${n}`));
		const profile = await stage.profile();
		const reader = await stage.openPage();
		await reader.signUp(app.url, 'ada');
		const cookies = await reader.page.context().cookies();
		await profile.addCookies(cookies);
		const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
		const response = await fetch(app.url, { headers: { cookie, 'accept-encoding': 'gzip' } });
		expect(response.headers.get('content-encoding')).toBe('gzip');
		const html = await response.text();
		expect(html.match(/<symbol id="icon-info"/g)).toHaveLength(1);
		expect(html.match(/<path/g)!.length).toBeLessThan(50);
		expect(html.match(/line \d+<\/span>/g)!.length, 'lines that the server draws').toBe(30);
		await until(async () => (await reader.entries('Logs')).length === 60);

		// In a profile that has nothing of it yet.
		const other = await DemoPage.open(profile);
		const scripts: Promise<number>[] = [];
		other.page.on('requestfinished', (request) => {
			if (!new URL(request.url()).pathname.endsWith('.js')) return;
			scripts.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
		});
		await other.visit(app.url);
		await other.page.waitForLoadState('load');
		const octets = (await Promise.all(scripts)).reduce((sum, size) => sum + size, 0);
		expect(octets).toBeGreaterThan(30_000);
		expect(octets).toBeLessThan(MOST_SCRIPT);
	});
});

describe('somebody who uses the keyboard', () => {
	it('never loses the place: after every button, the focus is on something', async () => {
		const app = await stage.app();
		const reader = await stage.openPage();
		await reader.signUp(app.url, 'ada');
		await stage.publish('notifications', 'n1');
		await reader.shows('Notifications', 'n1');
		const { page } = reader;
		const press = async (name: string) => {
			const button = reader.button(name);
			await button.waitFor();
			await until(async () => (await button.getAttribute('aria-disabled')) === null);
			await button.focus();
			await page.keyboard.press('Enter');
		};
		await press('Send');
		expect(await focus(page)).not.toBe('BODY');
		await press('Disconnect');
		await reader.button('Connect').waitFor();
		expect(await focus(page)).toBe('Connect');
		await page.keyboard.press('Enter');
		await reader.live();
		expect(await focus(page)).toBe('Disconnect');
		await press('Clear');
		await until(async () => (await reader.entries('Notifications')).length === 0);
		expect(await focus(page)).toBe('Clear');
		/** Nothing is sure while one button takes the place of the other: then neither is there. */
		const send = async (): Promise<'ready' | 'waits' | 'over'> => {
			if ((await reader.button('Play again').count()) > 0) return 'over';
			return reader
				.button('Send')
				.evaluateAll(([button]) =>
					button?.hasAttribute('aria-disabled') === false ? 'ready' : 'waits'
				);
		};
		for (;;) {
			await until(async () => (await send()) !== 'waits');
			if ((await send()) === 'over') break;
			await reader.button('Send').focus();
			await page.keyboard.press('Enter');
			await until(async () => (await send()) !== 'ready');
			expect(await focus(page)).not.toBe('BODY');
		}
		await reader.button('Play again').waitFor();
		expect(await focus(page), 'the button that was Send').toBe('Play again');
		await page.keyboard.press('Enter');
		await reader.button('Send').waitFor();
		expect(await focus(page)).not.toBe('BODY');
	});

	it('keeps the place when a message with a button goes away', async () => {
		const app = await stage.app();
		const reader = await stage.openPage();
		await reader.signUp(app.url, 'ada');
		const { page } = reader;
		await page.route('**/api/chat?**', (route) => route.abort());
		await reader.reply();
		const again = reader.button('Try again');
		await again.waitFor();
		await page.unroute('**/api/chat?**');
		await again.focus();
		await page.keyboard.press('Enter');
		await again.waitFor({ state: 'detached' });
		expect(await focus(page)).not.toBe('BODY');
	});
});

describe('somebody whose connection is lost', () => {
	it('sees when it is tried again, can try at once, and is live within seconds of the server', async () => {
		const app = await stage.app();
		const reader = await stage.openPage();
		await reader.signUp(app.url, 'ada');
		const { page, status } = reader;
		await app.kill9();
		await status.filter({ hasText: /in \d+ s/ }).waitFor();
		await reader.button('Retry now').click();
		await page.getByRole('alert').filter({ hasText: 'No connection' }).waitFor();
		await status.filter({ hasText: /Not connected\s+in \d+ s/ }).waitFor();
		await app.restart();
		const back = performance.now();
		await reader.live();
		// The longest wait of a visible page is eight seconds.
		expect(performance.now() - back).toBeLessThan(15_000);
		expect(await page.getByRole('alert').count()).toBe(0);
	});

	it('is told that nothing is heard of the server, long before the connection is given up', async () => {
		const proxy = await startProxy(() => app.port);
		const app = await stage.start({
			publicPort: proxy.port,
			env: { SSE_KEEP_ALIVE_MS: '1000' }
		});
		try {
			const reader = await stage.openPage();
			await reader.page.addInitScript(() => {
				let count = 0;
				globalThis.EventSource = class extends EventSource {
					constructor(...parameters: ConstructorParameters<typeof EventSource>) {
						super(...parameters);
						this.addEventListener('keep-alive', () => {
							document.body.dataset.keepAlives = String(++count);
						});
					}
				};
			});
			await reader.signUp(app.url, 'ada');
			// The page has learned the interval from the time between keep-alives.
			await until(() => reader.page.evaluate(() => Number(document.body.dataset.keepAlives) >= 3));
			proxy.halfOpen();
			await reader.status.filter({ hasText: 'No sign of life' }).waitFor({ timeout: 8000 });
			// A reconnect over the same dead sockets would stay silent, so the network comes back for all.
			proxy.cut();
			await reader.live();
		} finally {
			await proxy.close();
		}
	});

	it('is told what a server that refuses has said', async () => {
		const app = await stage.start({ env: { SSE_MAX_CONNECTIONS_PER_USER: '1' } });
		const profile = await stage.profile();
		const first = await DemoPage.open(profile);
		await first.signUp(app.url, 'ada');
		const second = await DemoPage.open(profile);
		await second.page.goto(app.url);
		await second.page
			.getByRole('alert')
			.filter({ hasText: 'At most 1 streams per user' })
			.waitFor();
		await first.page.close();
		await second.button('Retry now').click();
		await second.live();
	});
});
