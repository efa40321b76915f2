import { expect, it } from 'vitest';
import { DemoPage } from './demo-page.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

it('a tab that was offline while somebody else signed in shows nothing of theirs', async () => {
	const app = await stage.start({ env: { SSE_MAX_AGE_MS: '1500' } });
	const ada = await stage.openPage();
	await ada.signUp(app.url, 'ada');
	await stage.publish('notifications', 'Before');
	await ada.shows('Notifications', 'Before');

	// Only Ada's tab has no network. Its stream is about to reach its maximum age.
	const path = '**/api/events**';
	await ada.page.route(path, (route) => route.abort('internetdisconnected'));
	await ada.page.waitForEvent('requestfailed', (request) => request.url().includes('/api/events'));
	const bob = await DemoPage.open(ada.page.context());
	await bob.visit(app.url);
	await bob.button('Sign out').click();
	await bob.page.waitForURL((url) => url.pathname === '/login');
	await bob.signUp(app.url, 'bob');
	await stage.sql`
		insert into events (topic, user_id, data)
		select 'notifications', id, jsonb_build_object(
			'id', 'n', 'type', 'info', 'message', 'For Bob alone', 'timestamp', now())
		from users where username = 'bob'`;
	await bob.shows('Notifications', 'For Bob alone');

	await ada.page.unroute(path);
	await ada.status.filter({ hasText: 'Signed out' }).waitFor();
	expect(await ada.entries('Notifications')).toContain('Before');
	expect(await ada.entries('Notifications')).not.toContain('For Bob alone');
});
