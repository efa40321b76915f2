import { describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import type { DemoPage } from './demo-page.ts';
import { watchShifts } from './layout-shift.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

const CHAT = ['message', 'prompt', 'end', 'reset'];
const TOPICS = CHAT.concat('notifications', 'logs');

/** What the page says of the last absence. */
async function comeback({ page }: DemoPage) {
	const proof = page.getByTestId('proof');
	await proof.filter({ hasText: /Back: .* ms/ }).waitFor();
	const text = (await proof.textContent())!.replace(/\s+/g, ' ');
	const sum = /Back: (\d+) events? replayed, (\d+) lost, (\d+) doubled, (\d+) ms/.exec(text);
	expect(sum, text).not.toBeNull();
	const [replayed, lost, doubled, ms] = sum!.slice(1).map(Number);
	const [after, upTo] = [
		await proof.getAttribute('data-after'),
		await proof.getAttribute('data-up-to')
	];
	return { replayed, lost, doubled, ms, after, upTo };
}

/** What the user had to get in a part of the log, as SQL says. */
async function owed(username: string, after: string | null, upTo: string | null): Promise<number> {
	const [row] = await stage.sql<{ count: number }[]>`
		select count(*)::int from events where id > ${after} and id <= ${upTo}
			and topic in ${stage.sql(TOPICS)}
			and (user_id is null or user_id = (select id from users where username = ${username}))`;
	return row!.count;
}

describe('the proof', () => {
	it('of a cut: what waits is counted, and all of it comes back once, as SQL says', async () => {
		const app = await stage.app();
		const reader = await stage.openPage();
		const { page } = reader;
		const shifts = await watchShifts(page);
		await reader.signUp(app.url, 'ada');
		await reader.reply();
		await stage.publish('notifications', 'n0');
		await reader.shows('Notifications', 'n0');

		await reader.button('Cut the connection').focus();
		await page.keyboard.press('Enter');
		await reader.status.filter({ hasText: 'Disconnected' }).waitFor();
		expect(
			await reader.button('Come back now').evaluate((it) => it === document.activeElement)
		).toBe(true);
		await stage.publish('notifications', 'n1', 'n2', 'n3', 'n4', 'n5');
		await stage.publish('logs', 'l1', 'l2', 'l3', 'l4');
		await stage.sql`
			insert into events (topic, user_id, data) values
				('notifications', 'somebody-else', '{"id": "1", "type": "info", "message": "not for Ada"}')`;
		await stage.sql`
			insert into events (topic, user_id, data)
				select 'notifications', id, '{"id": "2", "type": "info", "message": "for Ada"}' from users`;
		await page
			.getByTestId('proof')
			.filter({ hasText: /1\d events wait in the log/ })
			.waitFor();
		await page.keyboard.press('Enter');
		await reader.live();

		const sum = await comeback(reader);
		expect(sum).toMatchObject({ lost: 0, doubled: 0 });
		expect(sum.replayed).toBe(await owed('ada', sum.after, sum.upTo));
		expect(sum.replayed).toBeGreaterThanOrEqual(10);
		expect(await reader.entries('Notifications')).toEqual([
			'for Ada',
			'n5',
			'n4',
			'n3',
			'n2',
			'n1',
			'n0'
		]);
		expect(await page.locator('section li[data-replayed]').count()).toBeGreaterThanOrEqual(10);
		await until(async () => (await page.locator('li[data-replayed]').count()) === 0, {
			what: 'the marks are gone'
		});
		expect(
			await reader.button('Cut the connection').evaluate((it) => it === document.activeElement)
		).toBe(true);
		expect(await shifts(), 'nothing jumps').toBeLessThan(0.02);
		expect(reader.complaints).toEqual([]);
	});

	it('of a server that is killed, and of the whole story after its end', async () => {
		const app = await stage.start({ env: { DEMO: '1' } });
		const reader = await stage.openPage();
		await reader.signUp(app.url, 'ada');
		const command = await reader.page.locator('code', { hasText: 'kill -9' }).textContent();
		expect(command, 'the command that the page shows works').toBe(`kill -9 ${app.pid}`);
		await reader.playTo(6);
		await app.kill9();
		await stage.publish('notifications', 'while nobody served');
		await app.restart();
		await reader.live();
		const sum = await comeback(reader);
		expect(sum).toMatchObject({ lost: 0, doubled: 0 });
		expect(sum.replayed).toBe(await owed('ada', sum.after, sum.upTo));

		await reader.playToEnd();
		const told = reader.page.getByText('The whole story:');
		await told.waitFor();
		const [row] = await stage.sql<{ count: number }[]>`
			select count(*)::int from events where topic in ${stage.sql(CHAT)}`;
		expect((await told.textContent())!.replace(/\s+/g, ' ')).toContain(
			`The whole story: ${row!.count} events, 0 lost, 0 doubled, through 1 cut with ${sum.replayed} replayed.`
		);
	});

	it('names the process only to who runs the demo at home', async () => {
		const app = await stage.app();
		const reader = await stage.openPage();
		await reader.signUp(app.url, 'ada');
		await reader.button('Cut the connection').waitFor();
		expect(await reader.page.content()).not.toContain('kill -9');
	});
});
