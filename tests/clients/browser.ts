/** Clients for browsers, in a real Chromium. */
import { build } from 'vite';
import type { Browser, Frame, Page } from 'playwright-core';
import { openBrowser } from '../support/browser.ts';
import { again } from './again.ts';
import type { ForeignClient, Open, Reading, Taken } from './client.ts';

/** Path of the clients' page, on the same origin as their stream. */
export const PAGE = '/page';

type Told = Taken | 'over';

/**
 * Everything that is open in the browser: one page with a frame per client. A frame has the connections of its own origin,
 * but needs no process of its own.
 */
export class BrowserClients {
	#browser: Browser | null = null;
	#page!: Page;
	#html = '';
	readonly #frames = new Map<string, Promise<Frame>>();
	readonly #listeners = new Map<number, (told: Told) => void>();
	#count = 0;

	/** Builds the page and starts Chromium with it. */
	async start(origin: string, cookie: string): Promise<void> {
		this.#html = `<!doctype html><script>${await bundle()}</script>`;
		this.#browser = await openBrowser();
		const context = await this.#browser.newContext();
		const [name, value] = cookie.split('=') as [string, string];
		await context.addCookies([{ name, value, url: origin, httpOnly: true, sameSite: 'Lax' }]);
		this.#page = await context.newPage();
		await this.#page.exposeFunction('tell', (number: number, told: Told) => {
			this.#listeners.get(number)?.(told);
		});
		await this.#page.goto(origin + PAGE);
	}

	/** The HTML of the page. */
	get html(): string {
		return this.#html;
	}

	async close(): Promise<void> {
		await this.#browser?.close();
	}

	/** A client of `in-browser.ts`, controlled from here. */
	open(name: string): Open {
		return (reading, take, over) => {
			const number = ++this.#count;
			this.#listeners.set(number, (told) => (told === 'over' ? over() : take(told)));
			const { cookie: _, ...headers } = reading.headers;
			const started = this.#start(name, number, { ...reading, headers });
			// An error is thrown again by the function that closes the client.
			started.catch(over);
			return async () => {
				this.#listeners.delete(number);
				const frame = await started;
				await frame.evaluate((n) => {
					(globalThis as unknown as InPage).endClient(n);
				}, number);
			};
		};
	}

	async #start(name: string, number: number, reading: Reading): Promise<Frame> {
		const { origin } = new URL(reading.url);
		let frame = this.#frames.get(origin);
		if (!frame) this.#frames.set(origin, (frame = this.#openFrame(origin)));
		const at = await frame;
		await at.evaluate(
			([client, n, what]) => {
				(globalThis as unknown as InPage).startClient(client, n, what);
			},
			[name, number, reading] as const
		);
		return at;
	}

	async #openFrame(origin: string): Promise<Frame> {
		const element = await this.#page.evaluateHandle(
			(src) =>
				new Promise<HTMLIFrameElement>((resolve) => {
					const frame = document.createElement('iframe');
					frame.onload = () => resolve(frame);
					frame.src = src;
					document.documentElement.append(frame);
				}),
			origin + PAGE
		);
		return (await element.contentFrame())!;
	}
}

interface InPage {
	startClient(name: string, number: number, reading: Reading): void;
	endClient(number: number): void;
}

async function bundle(): Promise<string> {
	const result = await build({
		configFile: false,
		logLevel: 'error',
		resolve: { conditions: ['svelte', 'browser'] },
		build: {
			lib: { entry: 'tests/clients/in-browser.ts', formats: ['iife'], name: 'clients' },
			write: false,
			minify: false,
			target: 'es2022'
		}
	});
	const [{ output }] = result as unknown as [{ output: { code: string }[] }];
	return output[0]!.code.replaceAll('</script', '<\\/script');
}

/** Returns the browser clients of the table. */
export function browserClients(browser: BrowserClients): ForeignClient[] {
	const native = browser.open('native');
	const polyfill = browser.open('polyfill');
	return [
		{
			name: 'Chromium’s own `EventSource`',
			package: null,
			where: 'Chromium',
			plain: native,
			safe: again(native)
		},
		{
			name: '`event-source-polyfill`',
			package: 'event-source-polyfill',
			where: 'Chromium',
			plain: polyfill,
			safe: again(polyfill)
		},
		{
			name: '`reconnecting-eventsource`',
			package: 'reconnecting-eventsource',
			where: 'Chromium',
			plain: browser.open('reconnecting')
		},
		{
			name: '`@microsoft/fetch-event-source`',
			package: '@microsoft/fetch-event-source',
			where: 'Chromium',
			plain: browser.open('microsoft'),
			safe: browser.open('microsoft for ever'),
			headers: true
		},
		{
			name: '`sse.js`',
			package: 'sse.js',
			where: 'Chromium',
			plain: browser.open('sse.js'),
			safe: browser.open('sse.js for ever'),
			headers: true
		},
		{
			name: '`react-native-sse`',
			package: 'react-native-sse',
			where: 'Chromium',
			plain: browser.open('react-native'),
			safe: again(browser.open('react-native'))
		},
		{
			name: '`sveltekit-sse`',
			package: 'sveltekit-sse',
			where: 'Chromium',
			plain: browser.open('sveltekit'),
			safe: null
		}
	];
}
