import { expect } from 'vitest';
import { errors, type BrowserContext, type Locator, type Page } from 'playwright-core';
import { STORY } from '../../src/features/chat/script.ts';
import { until } from '../support/until.ts';
import { PASSWORD } from './account.ts';

/** The chat of an undisturbed story, line by line. The player says the prompts. */
export const WHOLE_STORY: readonly string[] = STORY.map(({ text }) => text);

/** Topics that can be turned off, by their names on the page. */
export type TopicLabel = 'Notifications' | 'Logs';

/** A page of the application as a user sees and uses it. */
export class DemoPage {
	readonly page: Page;
	/** Errors, warnings and uncaught exceptions of the browser. */
	readonly complaints: string[] = [];

	private constructor(page: Page) {
		this.page = page;
		page.setDefaultTimeout(30_000);
		page.on('pageerror', (error) => this.complaints.push(String(error)));
		page.on('console', (line) => {
			if (line.type() === 'error' || line.type() === 'warning') this.complaints.push(line.text());
		});
	}

	/** Opens a tab in a browser profile. */
	static async open(profile: BrowserContext): Promise<DemoPage> {
		return new DemoPage(await profile.newPage());
	}

	/** Creates an account without the form, and waits until the start page is live. */
	async signUp(url: string, username: string): Promise<void> {
		const response = await this.page.request.post(`${url}/signup`, {
			form: { username, password: PASSWORD },
			headers: { origin: new URL(url).origin },
			maxRedirects: 0
		});
		expect(response.status()).toBe(303);
		await this.visit(url);
	}

	/** Creates an account with the form, and waits until the start page is live. */
	async signUpByForm(url: string, username: string): Promise<void> {
		await this.page.goto(`${url}/signup`);
		await this.#submitAccount('Create an account', username);
		await this.live();
	}

	/** Signs in with the form, and waits until the start page is live. */
	async signIn(url: string, username: string): Promise<void> {
		await this.page.goto(`${url}/login`);
		await this.#submitAccount('Sign in', username);
		await this.live();
	}

	async #submitAccount(button: string, username: string): Promise<void> {
		await this.page.getByLabel('User name').fill(username);
		await this.page.getByLabel('Password').fill(PASSWORD);
		await this.page.getByRole('button', { name: button, exact: true }).click();
		await this.page.waitForURL((url) => url.pathname === '/');
	}

	/** Opens the start page as a signed-in user, and waits until it is live. */
	async visit(url: string): Promise<void> {
		await this.page.goto(url);
		await this.live();
	}

	get status(): Locator {
		return this.page.getByRole('status');
	}

	/** Waits until the stream is open. */
	async live(): Promise<void> {
		await this.status.filter({ hasText: 'Live' }).waitFor();
	}

	button(name: string): Locator {
		return this.page.getByRole('button', { name, exact: true });
	}

	/** Returns the chat, oldest line first. */
	chatLines(): Promise<string[]> {
		return this.page
			.getByRole('log', { name: 'Conversation' })
			.getByRole('listitem')
			.and(this.#rows)
			.evaluateAll((items) =>
				// The line is the last paragraph; the sender's name is above it.
				items.map((item) => [...item.querySelectorAll('p')].pop()?.textContent?.trim() ?? '')
			);
	}

	/** Returns the texts of a list, newest first. */
	entries(topic: TopicLabel): Promise<string[]> {
		return this.#list(topic).evaluateAll((items) =>
			items.map((item) => item.querySelector('.message, p')?.lastChild?.textContent?.trim() ?? '')
		);
	}

	#list(topic: TopicLabel): Locator {
		const region = this.page.getByRole('region', { name: topic, exact: true });
		return region.getByRole('listitem').and(this.#rows);
	}

	/** Not what a list says about itself. */
	get #rows(): Locator {
		return this.page.locator(':not([data-note])');
	}

	/** Waits until a list shows an entry. */
	async shows(topic: TopicLabel, text: string): Promise<void> {
		await this.#list(topic).filter({ hasText: text }).first().waitFor();
	}

	/** The switch in the toolbar. */
	topicSwitch(topic: TopicLabel): Locator {
		return this.page.getByRole('group', { name: 'Topics' }).getByRole('switch', { name: topic });
	}

	/** Returns the number of events of a topic since the page was opened, as the toolbar shows it. */
	async counter(topic: TopicLabel): Promise<number> {
		const text = (await this.topicSwitch(topic).textContent()) ?? '';
		return Number(/(\d+)\s*received/.exec(text)?.[1] ?? NaN);
	}

	/** Turns a topic on or off. */
	async turn(topic: TopicLabel, on: boolean): Promise<void> {
		const control = this.topicSwitch(topic);
		expect(await control.getAttribute('aria-checked')).toBe(String(!on));
		await control.click();
		expect(await control.getAttribute('aria-checked')).toBe(String(on));
	}

	get ended(): Promise<boolean> {
		return this.page.getByText('The end', { exact: true }).isVisible();
	}

	/** Waits, without replies, until the chat has that many lines. */
	async chatReaches(lines: number): Promise<void> {
		await until(async () => (await this.chatLines()).length >= lines, {
			what: `the chat has ${lines} lines`,
			timeoutMs: 60_000
		});
	}

	/**
	 * Waits for the next prompt and says it.
	 *
	 * @returns false when the story has ended instead
	 */
	async reply(): Promise<boolean> {
		const what = 'the story ends or waits for a reply';
		const found = await until(
			async () => ((await this.ended) ? 'end' : (await this.#send.isVisible()) ? 'prompt' : null),
			{ what, timeoutMs: 60_000 }
		);
		if (found === 'prompt') await this.#send.click({ timeout: 2000 }).catch(unlessGone);
		return found === 'prompt';
	}

	get #send(): Locator {
		return this.page.getByRole('button', { name: 'Send', exact: true, disabled: false });
	}

	/** Says every prompt until the chat has that many lines. */
	async playTo(lines: number): Promise<void> {
		const reached = async () => (await this.chatLines()).length >= lines;
		while (!(await reached())) {
			await until(async () => (await reached()) || (await this.#send.isVisible()), {
				what: `the chat has ${lines} lines or waits for a reply`,
				timeoutMs: 60_000
			});
			if (!(await reached())) await this.reply();
		}
	}

	/** Says every prompt until the story ends. */
	async playToEnd(): Promise<void> {
		while (await this.reply());
	}
}

/** A reply may have been said already, by another tab or before a server died. Then the button is gone. */
function unlessGone(error: unknown): void {
	if (!(error instanceof errors.TimeoutError)) throw error;
}
