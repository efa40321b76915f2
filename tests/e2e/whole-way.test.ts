import { expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { DemoPage, WHOLE_STORY } from './demo-page.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

it('a person signs up, plays to the end, and finds everything again from another browser', async () => {
	const app = await stage.start({ env: { DEMO: '1' } });
	const first = await stage.openPage();
	await first.signUpByForm(app.url, 'ada');

	// The story begins by itself, and continues when the player says the expected line.
	await first.playToEnd();
	expect(await first.chatLines()).toEqual(WHOLE_STORY);
	expect(await stage.loggedChat()).toEqual(WHOLE_STORY);

	// Notifications and logs also come by themselves.
	await until(async () => (await first.entries('Notifications')).length > 0);
	await until(async () => (await first.entries('Logs')).length > 0);
	await listsMatchTheLog(first);

	// Events published while a topic is off are there when it is on again. The other topic is not affected.
	await first.turn('Notifications', false);
	const counted = await first.counter('Notifications');
	await stage.publish('notifications', 'Written while notifications were off');
	await stage.publish('logs', 'Written after that notification');
	await first.shows('Logs', 'Written after that notification');
	expect(await first.entries('Notifications')).not.toContain(
		'Written while notifications were off'
	);
	expect(await first.counter('Notifications')).toBe(counted);
	await first.turn('Notifications', true);
	await first.shows('Notifications', 'Written while notifications were off');
	await listsMatchTheLog(first);
	expect(await first.counter('Notifications')).toBeGreaterThan(counted);

	await first.button('Clear').click();
	await until(
		async () =>
			!(await first.entries('Notifications')).includes('Written while notifications were off'),
		{ what: 'the list is cleared' }
	);
	await stage.publish('notifications', 'The first after the list was cleared');
	await first.shows('Notifications', 'The first after the list was cleared');

	// Like a laptop that is closed for a while.
	await first.button('Disconnect').click();
	await first.status.filter({ hasText: 'Disconnected' }).waitFor();
	await stage.publish('notifications', 'Written while nobody was connected');
	await stage.publish('logs', 'Logged while nobody was connected');
	await first.button('Connect').click();
	await first.shows('Notifications', 'Written while nobody was connected');
	await first.shows('Logs', 'Logged while nobody was connected');
	expect(await first.chatLines()).toEqual(WHOLE_STORY);

	// After a reload, the server renders what the browser had.
	await first.page.reload();
	await first.live();
	expect(await first.chatLines()).toEqual(WHOLE_STORY);
	expect(await first.ended).toBe(true);
	await listsMatchTheLog(first);

	// Days later, from another browser. The first browser gets a notification.
	const second = await stage.openPage();
	await second.signIn(app.url, 'ada');
	expect(await second.chatLines()).toEqual(WHOLE_STORY);
	expect(await second.ended).toBe(true);
	await listsMatchTheLog(second);
	await first.shows('Notifications', 'New sign-in from Chrome on Linux');

	// Signing out ends every tab of this browser, but not the other browser.
	const tab = await DemoPage.open(first.page.context());
	await tab.visit(app.url);
	await first.button('Sign out').click();
	await first.page.waitForURL((url) => url.pathname === '/login');
	await tab.status.filter({ hasText: 'Signed out' }).waitFor();
	await stage.publish('notifications', 'Written after the first browser had signed out');
	await second.shows('Notifications', 'Written after the first browser had signed out');
	expect(await tab.entries('Notifications')).not.toContain(
		'Written after the first browser had signed out'
	);

	await first.signIn(app.url, 'ADA');
	expect(await first.chatLines()).toEqual(WHOLE_STORY);
	await listsMatchTheLog(first);
	const [{ told } = { told: 0 }] = await stage.sql<{ told: number }[]>`
		select count(*)::int as told from events where data->>'message' like 'New sign-in%'`;
	expect(told, 'a browser that is known is not told of').toBe(1);

	expect([...first.complaints, ...second.complaints, ...tab.complaints]).toEqual([]);
});

/** Waits until both lists show exactly the newest entries of the log that are not cleared: no entry is missing, doubled or out of order. */
async function listsMatchTheLog(page: DemoPage): Promise<void> {
	for (const [topic, label, visible] of [
		['notifications', 'Notifications', 50],
		['logs', 'Logs', 200]
	] as const) {
		let shown: string[] = [];
		let logged: string[] = [];
		await until(
			async () => {
				const rows = await stage.sql<{ message: string }[]>`
					select data->>'message' as message from events where topic = ${topic} and (${topic} = 'logs' or id >
						coalesce((select max((data->>'clearedUpTo')::bigint) from events where topic = 'inbox'), 0))
					order by id desc limit ${visible}`;
				logged = rows.map(({ message }) => message);
				shown = await page.entries(label);
				return JSON.stringify(shown) === JSON.stringify(logged);
			},
			{ timeoutMs: 10_000 }
		).catch(() => expect(shown, label).toEqual(logged));
	}
}
