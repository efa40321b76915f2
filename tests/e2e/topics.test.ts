import { expect, it } from 'vitest';
import { DemoPage } from './demo-page.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

it('a row that is inserted with psql appears in the browser at once', async () => {
	const app = await stage.app();
	const reader = await stage.openPage();
	await reader.signUp(app.url, 'ada');

	// The simple protocol, as psql uses it.
	await stage.sql
		.unsafe(
			`INSERT INTO events (topic, data) VALUES ('notifications', '{"id": "1", "type": "info",
			"message": "Hello from psql", "timestamp": "2030-01-02T03:04:05Z"}')`
		)
		.simple();
	await reader.shows('Notifications', 'Hello from psql');
	expect(await reader.entries('Notifications')).toEqual(['Hello from psql']);
	expect(await reader.counter('Notifications')).toBe(1);
	expect(reader.complaints).toEqual([]);
});

it('a payload that no page expects does not stop what comes after it', async () => {
	const app = await stage.app();
	const reader = await stage.openPage();
	await reader.signUp(app.url, 'ada');
	for (const data of ['null', '7', '"text"', '[]', '{}', '{"message": {"deep": 1}, "type": []}']) {
		for (const topic of ['notifications', 'logs', 'message']) {
			await stage.sql`insert into events (topic, data) values (${topic}, ${data}::text::jsonb)`;
		}
	}
	await stage.publish('notifications', 'A proper one');
	await reader.shows('Notifications', 'A proper one');
	await reader.page.reload();
	await reader.live();
	await reader.shows('Notifications', 'A proper one');
});

it('two tabs with different topics do not disturb each other', async () => {
	const app = await stage.app();
	const one = await stage.openPage();
	await one.signUp(app.url, 'ada');
	const other = await DemoPage.open(one.page.context());
	await other.visit(app.url);

	await one.turn('Notifications', false);
	await other.turn('Logs', false);
	await stage.publish('notifications', 'n1', 'n2');
	await stage.publish('logs', 'l1', 'l2');
	await stage.publish('notifications', 'n3');
	await stage.publish('logs', 'l3');
	await one.shows('Logs', 'l3');
	await other.shows('Notifications', 'n3');
	expect(await one.topicSwitch('Logs').getAttribute('aria-checked')).toBe('true');
	expect(await other.topicSwitch('Notifications').getAttribute('aria-checked')).toBe('true');
	expect(await one.entries('Logs')).toEqual(['l3', 'l2', 'l1']);
	expect(await one.entries('Notifications')).toEqual([]);
	expect(await other.entries('Notifications')).toEqual(['n3', 'n2', 'n1']);
	expect(await other.entries('Logs')).toEqual([]);

	// The history that one tab requests is sent only to that tab.
	await one.turn('Notifications', true);
	await one.shows('Notifications', 'n3');
	await stage.publish('notifications', 'n4');
	await stage.publish('logs', 'l4');
	await Promise.all([one.shows('Notifications', 'n4'), one.shows('Logs', 'l4')]);
	await other.shows('Notifications', 'n4');
	expect(await one.entries('Notifications')).toEqual(['n4', 'n3', 'n2', 'n1']);
	expect(await other.entries('Notifications')).toEqual(['n4', 'n3', 'n2', 'n1']);
	expect(await other.counter('Notifications')).toBe(4);
	expect(await one.counter('Logs')).toBe(4);
	expect(await other.counter('Logs')).toBe(0);
	expect([...one.complaints, ...other.complaints]).toEqual([]);
});
