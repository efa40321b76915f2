import { afterEach, describe, expect, test } from 'vitest';
import { openScene, type Scene } from '../support/scene.ts';
import { lockWaits } from '../support/lock-waits.ts';
import { until } from '../support/until.ts';

let scene: Scene;
afterEach(() => scene.close());

/** Two writers whose ids would commit in the opposite order without the trigger. */
async function interleave(): Promise<void> {
	const { sql } = scene;
	let second: Promise<unknown> = Promise.resolve();
	await sql.begin(async (tx) => {
		await tx`insert into events (topic, data) values ('a', '"first"')`;
		// Not awaited here: with the trigger, it waits for our commit.
		second = sql`insert into events (topic, data) values ('a', '"second"')`.execute();
		await until(
			async () => {
				const committed = await sql`select 1 from events where data = '"second"'`;
				return committed.length > 0 || (await lockWaits(sql)) > 0;
			},
			{ what: 'the second writer waits or has committed' }
		);
		// Gives a reader time to pass the larger id, if it can see it.
		await sql`select pg_notify('logline_events', '')`;
		await until(() => scene.server.app.health().lagMs < 50);
	});
	await second;
}

describe('interleaved commits', () => {
	test('lose nothing for a client that is live', async () => {
		scene = await openScene();
		const client = scene.open('topics=a');
		await client.caughtUp();
		await interleave();
		await until(() => client.data('a').length === 2, { what: 'both events have arrived' });
		expect(client.data('a')).toEqual(['first', 'second']);
	});

	test('lose nothing for a client that reconnects in between', async () => {
		scene = await openScene();
		const first = scene.open('topics=a&client=x');
		await first.caughtUp();
		await interleave();
		await until(() => first.received.length > 1);
		first.close();
		const again = scene.open('topics=a&client=x', { lastEventID: first.cursor });
		await again.caughtUp();
		await until(() => [...first.data('a'), ...again.data('a')].length >= 2);
		expect([...first.data('a'), ...again.data('a')]).toEqual(['first', 'second']);
	});

	test('would lose an event without the trigger that orders them', async () => {
		scene = await openScene();
		await scene.sql`drop trigger events_before_insert on events`;
		await scene.sql`drop trigger events_after_insert on events`;
		const client = scene.open('topics=a');
		await client.caughtUp();
		await interleave();
		await scene.sql`select pg_notify('logline_events', '')`;
		await client.arrived('a');
		await scene.insert('b', 1);
		await until(() => scene.server.app.health().head === '3');
		expect(client.data('a')).toEqual(['second']);
	});
});

test('an event committed while the listener is down arrives without a reconnect', async () => {
	scene = await openScene();
	const client = scene.open('topics=a');
	await client.caughtUp();
	const killed = await scene.sql`
		select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and application_name = 'logline listener'`;
	expect(killed.length).toBeGreaterThan(0);
	await scene.insert('a', 'while it was down');
	await client.arrived('a');
	expect(client.data('a')).toEqual(['while it was down']);
	expect(client.ended).toBe(false);
	await until(() => scene.server.app.health().listener === 'up', { what: 'the listener is back' });
	await scene.insert('a', 'afterwards');
	await until(() => client.data('a').length === 2);
});

test('an event put into the outbox while the listener is down arrives without a reconnect', async () => {
	scene = await openScene();
	const client = scene.open('topics=a');
	await client.caughtUp();
	await scene.sql`
		select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and application_name = 'logline listener'`;
	await scene.sql`insert into outbox (topic, data) values ('a', '"while it was down"')`;
	await client.arrived('a');
	expect(client.data('a')).toEqual(['while it was down']);
	expect(client.ended).toBe(false);
});

test('an event committed while every connection of the server is cut arrives without a reconnect', async () => {
	scene = await openScene();
	const client = scene.open('topics=a');
	await client.caughtUp();
	await scene.sql`
		select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and application_name like 'logline %' and application_name <> 'logline test sql'`;
	await scene.insert('a', 1, 2, 3);
	await until(() => client.data('a').length === 3, { timeoutMs: 15_000 });
	expect(client.data('a')).toEqual([1, 2, 3]);
	expect(client.ended).toBe(false);
});

test('a private event reaches its user on every server, and nobody else', async () => {
	scene = await openScene();
	const other = await scene.addServer();
	const { createUser } = await import('../support/app-server.ts');
	const { StreamClient } = await import('../support/stream-client.ts');
	const stranger = await createUser(scene.database.url);
	const theirs = new StreamClient(scene.server.stream('topics=a'), { cookie: stranger.cookie });
	const mine = [scene.open('topics=a'), scene.open('topics=a&client=2', { server: other })];
	for (const client of [theirs, ...mine]) await client.caughtUp();
	await scene.server.app.logline.append([
		{ topic: 'a', data: 'private', userId: scene.user.id },
		{ topic: 'a', data: 'public' }
	]);
	for (const client of mine) {
		await until(() => client.data('a').length === 2);
		expect(client.data('a')).toEqual(['private', 'public']);
	}
	await theirs.arrived('a');
	expect(theirs.data('a')).toEqual(['public']);
	// Both users have a private event in what is delivered live, and in what a new client catches up with.
	await scene.server.app.logline.append([
		{ topic: 'a', data: 'for me', userId: scene.user.id },
		{ topic: 'a', data: 'for the stranger', userId: stranger.id }
	]);
	for (const client of [...mine, scene.open('topics=a&client=3')]) {
		await until(() => client.data('a').length === 3);
		expect(client.data('a')).toEqual(['private', 'public', 'for me']);
	}
	await until(() => theirs.data('a').length === 2);
	expect(theirs.data('a')).toEqual(['public', 'for the stranger']);
	theirs.close();
});

test('an event in the outbox of a larger transaction arrives with its commit, and not with its rollback', async () => {
	scene = await openScene();
	const client = scene.open('topics=a');
	await client.caughtUp();
	const { app } = scene.server;
	await app.database.db.transaction(async (tx) => {
		await app.logline.append([{ topic: 'a', data: 'committed' }], tx);
	});
	const failed = app.database.db.transaction(async (tx) => {
		await app.logline.append([{ topic: 'a', data: 'rolled back' }], tx);
		throw new Error('business failed');
	});
	await expect(failed).rejects.toThrow('business failed');
	await scene.sql`insert into outbox (topic, data) values ('a', '"plain sql"')`;
	await until(() => client.data('a').length === 2);
	expect(client.data('a')).toEqual(['committed', 'plain sql']);
});

test('a stream of one session ends with "signed-out" when its row is deleted, within a second', async () => {
	scene = await openScene();
	const client = scene.open('topics=a');
	await client.caughtUp();
	const started = performance.now();
	await scene.sql`delete from sessions where id = ${scene.user.sessionID}`;
	await client.arrived('signed-out');
	await until(() => client.ended);
	expect(performance.now() - started).toBeLessThan(1000);
});

test('a quiet client is told the position, so that its cursor stays fresh', async () => {
	scene = await openScene({ keepAliveMs: 80 });
	const client = scene.open('topics=a');
	await client.caughtUp();
	await scene.insert('b', 1, 2, 3);
	await until(() => client.cursor === '3', { what: 'a keep-alive carries the tail' });
	expect(client.data('a')).toEqual([]);
});
