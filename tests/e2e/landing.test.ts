import { describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { until } from '../support/until.ts';
import { watchShifts } from './layout-shift.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

const lines = (page: Page) =>
	page.getByRole('region', { name: 'The log of this server' }).getByRole('listitem');

describe('a visitor without an account', () => {
	it('sees an event that is for everyone within seconds, and none that is for somebody', async () => {
		const app = await stage.start({ env: { DEMO: '1' } });
		await stage.publish('notifications', 'written before');
		const visitor = await stage.openPage();
		const { page } = visitor;
		const shifts = await watchShifts(page);
		await until(async () => {
			await page.goto(app.url);
			return (await lines(page).filter({ hasText: 'written before' }).count()) === 1;
		});
		expect(new URL(page.url()).pathname).toBe('/');
		await stage.sql`
			insert into events (topic, user_id, data) values
				('notifications', 'somebody', '{"id": "1", "type": "info", "message": "for one pair of eyes"}')`;
		await stage.publish('logs', 'written just now');
		const written = performance.now();
		await lines(page).filter({ hasText: 'written just now' }).waitFor();
		expect(performance.now() - written).toBeLessThan(6000);
		// The sources of the demo go on for whoever looks, although nobody has signed in.
		const [before] = await stage.sql<{ id: string }[]>`select max(id)::text as id from events`;
		await until(
			async () =>
				Number(/#(\d+)/.exec((await lines(page).first().textContent())!)![1]) > Number(before!.id)
		);
		expect(await page.content()).not.toContain('for one pair of eyes');
		const answer = await (await fetch(`${app.url}/api/lines`)).text();
		expect(answer).not.toContain('for one pair of eyes');
		expect(await stage.sql`select from users`).toEqual([]);
		expect(await shifts(), 'nothing jumps').toBeLessThan(0.02);
		expect(visitor.complaints).toEqual([]);
	});

	it('sees it without JavaScript, and finds the ways in', async () => {
		const app = await stage.start({ env: { DEMO: '1' } });
		await stage.publish('notifications', 'For readers without scripts');
		const { page } = await stage.openPage({ javaScriptEnabled: false });
		await until(async () => {
			await page.goto(app.url);
			return (await lines(page).filter({ hasText: 'For readers without scripts' }).count()) === 1;
		});
		expect(await page.getByRole('heading', { level: 1 }).textContent()).toContain('Postgres');
		expect(await page.locator('form[action="/guest"][method="POST"]').count()).toBe(1);
		for (const [name, path] of [
			['Sign in', '/login'],
			['Create an account', '/signup']
		] as const) {
			await page.goto(app.url);
			await page.getByRole('link', { name }).click();
			await page.waitForURL(app.url + path);
		}
	});

	it('sees no event where the demo is off: there, all events are for users', async () => {
		const app = await stage.app();
		await stage.publish('notifications', 'For users');
		const { page } = await stage.openPage();
		await page.goto(app.url);
		await page.getByRole('button', { name: 'Try it' }).waitFor();
		expect(await page.getByRole('region', { name: 'The log of this server' }).count()).toBe(0);
		const answer = await fetch(`${app.url}/api/lines`);
		expect([answer.status, await answer.json()]).toEqual([
			404,
			{ error: { code: 'not_public', message: expect.stringContaining('Sign in') as string } }
		]);
	});
});
