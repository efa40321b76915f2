import { expect } from 'vitest';
import type { BrowserContext, Page } from 'playwright-core';
import type { BuiltApp } from '../support/built-app.ts';
import { until } from '../support/until.ts';
import { signUp } from './account.ts';
import type { Stage } from './stage.ts';

/** The page of rooms as a member sees and uses it. */
export class RoomsPage {
	readonly complaints: string[] = [];

	constructor(readonly page: Page) {
		page.setDefaultTimeout(30_000);
		page.on('pageerror', (error) => this.complaints.push(String(error)));
		page.on('console', (line) => {
			if (line.type() === 'error' || line.type() === 'warning') this.complaints.push(line.text());
		});
	}

	/** Opens the page as a new user. */
	static async join(
		stage: Stage,
		app: BuiltApp,
		username: string,
		options: Parameters<Stage['profile']>[0] = {}
	): Promise<RoomsPage> {
		const profile = await stage.profile(options);
		await remember(profile, app, await signUp(app, username));
		const one = new RoomsPage(await profile.newPage());
		await one.page.goto(`${app.url}/examples/rooms`);
		if (options.javaScriptEnabled !== false) await one.live();
		return one;
	}

	live = () => this.page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
	button = (name: string) => this.page.getByRole('button', { name, exact: true });
	rooms = () => this.page.getByRole('navigation', { name: 'Rooms' }).getByRole('link');
	message = () => this.page.getByLabel('Message', { exact: true });

	names = async (): Promise<string[]> =>
		(await this.rooms().allInnerTexts()).map((text) => text.split('\n')[0]!.trim());

	/** What the room shows, oldest first: texts of messages, and what else has happened. */
	lines = (): Promise<string[]> =>
		this.page
			.getByRole('log', { name: 'Messages' })
			.getByRole('listitem')
			.evaluateAll((items) =>
				items.map((item) => {
					const text = item.querySelector('p:last-child')?.textContent;
					const news = item.querySelector('span:nth-child(2)')?.cloneNode(true) as Element;
					news?.querySelector('time')?.remove();
					return (text ?? news.textContent).replace(/\s+/g, ' ').trim();
				})
			);

	async shows(...lines: string[]): Promise<void> {
		await until(async () => (await this.lines()).join() === lines.join(), {
			what: `the room shows ${lines.join(', ')}`
		}).finally(async () => expect(await this.lines()).toEqual(lines));
	}

	async make(name: string, kind: 'Open' | 'Confidential'): Promise<void> {
		const field = this.page.getByLabel('Name', { exact: true });
		if (!(await field.isVisible())) await this.page.getByText('New room', { exact: true }).click();
		await field.fill(name);
		await this.page.getByRole('radio', { name: kind }).check();
		await this.button('Make the room').click();
		await this.page.getByRole('heading', { name }).waitFor();
		await this.button('Make the room').waitFor({ state: 'hidden' });
	}

	async invite(username: string): Promise<void> {
		await this.page.getByLabel('User name of a new member').fill(username);
		await this.button('Invite').click();
	}

	async say(text: string): Promise<void> {
		await this.message().fill(text);
		await this.button('Send').click();
	}

	open = (name: string) => this.rooms().filter({ hasText: name }).click();
}

async function remember(profile: BrowserContext, app: BuiltApp, cookies: string): Promise<void> {
	const pairs = cookies.split('; ').map((pair) => pair.split('='));
	await profile.addCookies(pairs.map(([name = '', value = '']) => ({ name, value, url: app.url })));
}
