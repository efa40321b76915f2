/** Each of the ways that make a server look at the log: a notification, the listener's reconnect, the poll. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let scene: Scene;

/** Ends the listening connection and waits for its end: notifications are not received until it has reconnected. */
async function deafen(): Promise<void> {
	const killed = await scene.sql`
		select pg_terminate_backend(pid, 5000) from pg_stat_activity
		where datname = current_database() and application_name = 'logline listener'`;
	expect(killed).toHaveLength(1);
}

async function heard(): Promise<void> {
	const { app } = scene.server;
	await until(() => app.health().listener === 'up', { what: 'the listener is back' });
}

describe('without the poll', () => {
	// Stops everything that runs at intervals: the poll, the heartbeat and the check of old sessions.
	beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
	afterEach(async () => {
		await scene.close();
		vi.useRealTimers();
	});

	test('an event that another program inserts arrives by its notification', async () => {
		scene = await openScene();
		const client = scene.open('topics=a');
		await client.caughtUp();
		await scene.sql`insert into events (topic, data) values ('a', '1')`;
		await client.arrived('a');
	});

	test('an event that another program puts into the outbox arrives by its notification', async () => {
		scene = await openScene();
		const client = scene.open('topics=a');
		await client.caughtUp();
		await scene.sql`insert into outbox (topic, data) values ('a', '1')`;
		await client.arrived('a');
	});

	test('an event whose notification nobody heard arrives when the listener is back', async () => {
		scene = await openScene();
		const client = scene.open('topics=a');
		await client.caughtUp();
		await deafen();
		await scene.sql`insert into events (topic, data) values ('a', '1')`;
		await client.arrived('a');
	});

	test('an event in the outbox whose notification nobody heard arrives when the listener is back', async () => {
		scene = await openScene();
		const client = scene.open('topics=a');
		await client.caughtUp();
		await deafen();
		await scene.sql`insert into outbox (topic, data) values ('a', '1')`;
		await client.arrived('a');
	});

	test('a session that ended while nobody listened has its streams ended when the listener is back', async () => {
		scene = await openScene();
		const client = scene.open('topics=a');
		await client.caughtUp();
		await deafen();
		await scene.sql`delete from sessions where id = ${scene.user.sessionID}`;
		await client.arrived('signed-out');
		await until(() => client.ended);
	});
});

describe('without a notification', () => {
	afterEach(() => scene.close());

	test('an event arrives by the poll', async () => {
		scene = await openScene();
		const client = scene.open('topics=a');
		await client.caughtUp();
		await heard();
		await scene.sql`alter table events disable trigger events_after_insert`;
		await scene.sql`insert into events (topic, data) values ('a', '1')`;
		await client.arrived('a');
	});

	test('an event in the outbox arrives by the poll', async () => {
		scene = await openScene();
		const client = scene.open('topics=a');
		await client.caughtUp();
		await heard();
		await scene.sql.begin(async (tx) => {
			await tx`set local logline.kick = off`;
			await tx`insert into outbox (topic, data) values ('a', '1')`;
		});
		await client.arrived('a');
	});
});
