/** What clients are told of trimmed history, and what they are not. */
import { afterEach, expect, test } from 'vitest';
import { createPageReader } from '../../src/lib/server/delivery/page-reader.ts';
import { PageSize } from '../../src/lib/server/log/page-size.ts';
import { numbers } from '../support/numbers.ts';
import { queryable } from '../support/queryable.ts';
import { left, trim } from '../support/retention.ts';
import { openScene, type Scene } from '../support/scene.ts';

let scene: Scene;
afterEach(() => scene.close());

/** Starts a server whose window in memory does not contain the present events. */
async function laterServer() {
	await scene.server.stop();
	await scene.sql`insert into events (topic, data) select 'e', to_jsonb(i) from generate_series(1, 2100) i`;
	return scene.addServer();
}

test('who comes back after its history was trimmed is told, and gets what is left', async () => {
	scene = await openScene();
	await scene.insert('a', 1);
	await scene.insert('b', 1);
	const client = scene.open('topics=a&topics=b&client=x');
	await client.caughtUp();
	client.close();
	await scene.insert('a', ...numbers(9, 2));
	await scene.insert('b', 2);
	await trim(scene.database.url, { a: { lastPerUser: 3 } });
	const server = await laterServer();
	const again = scene.open('topics=a&topics=b&client=x', {
		lastEventID: client.cursor,
		server
	});
	await again.caughtUp();
	expect(again.data('gap')).toEqual([{ topic: 'a', after: client.cursor, oldest: '9' }]);
	expect(again.data('a')).toEqual([8, 9, 10]);
	expect(again.data('b')).toEqual([2]);
	expect(again.received.findIndex((e) => e.event === 'gap')).toBeLessThan(
		again.received.findIndex((e) => e.event === 'a')
	);
});

test('who comes back after its history was trimmed is told by a server that has just started, too', async () => {
	scene = await openScene();
	await scene.insert('a', 1);
	const client = scene.open('topics=a&client=x');
	await client.caughtUp();
	client.close();
	await scene.insert('a', ...numbers(9, 2));
	await trim(scene.database.url, { a: { lastPerUser: 3 } });
	await scene.server.stop();
	const server = await scene.addServer();
	const again = scene.open('topics=a&client=x', { lastEventID: client.cursor, server });
	await again.caughtUp();
	expect(again.data('gap')).toEqual([{ topic: 'a', after: client.cursor, oldest: '8' }]);
	expect(again.data('a')).toEqual([8, 9, 10]);
});

test('a topic that is new to a client has no gap: its history is what is kept', async () => {
	scene = await openScene();
	await scene.insert('a', ...numbers(10));
	await trim(scene.database.url, { a: { lastPerUser: 3 } });
	const server = await laterServer();
	const client = scene.open('topics=a', { server });
	await client.caughtUp();
	expect(client.data('gap')).toEqual([]);
	expect(client.data('a')).toEqual([8, 9, 10]);
});

test('a topic that is new to a client has no gap, however much of it others have lost', async () => {
	scene = await openScene();
	const { id: userId } = scene.user;
	// All older events are the user's own, and they are more than a page.
	await scene.sql`
		insert into events (topic, user_id, data)
		select 'a', case when i <= 400 then ${userId}::text end, to_jsonb(i) from generate_series(1, 900) i`;
	await trim(scene.database.url, { a: { lastPerUser: 400 } });
	const server = await laterServer();
	const client = scene.open('topics=a', { server });
	await client.caughtUp();
	expect(client.data('gap')).toEqual([]);
	expect(client.data('a')).toEqual([...numbers(400), ...numbers(400, 501)]);
});

test('a window that begins below what was trimmed has no gap', async () => {
	scene = await openScene();
	const { id: userId } = scene.user;
	await scene.sql`
		insert into events (topic, user_id, data)
		select 'recent', case when i <= 4 then ${userId}::text end, to_jsonb(i) from generate_series(1, 14) i`;
	await trim(scene.database.url, { recent: { lastPerUser: 2 } });
	const server = await laterServer();
	const client = scene.open('topics=recent', { server });
	await client.caughtUp();
	expect(client.data('gap')).toEqual([]);
	expect(client.data('recent')).toEqual([4, 13, 14]);
});

test('a page that was rendered when the log was empty is told what it has missed for good', async () => {
	scene = await openScene();
	await scene.insert('a', ...numbers(10));
	await trim(scene.database.url, { a: { lastPerUser: 3 } });
	const server = await laterServer();
	const client = scene.open('topics=a&client=page', { lastEventID: '0', server });
	await client.caughtUp();
	expect(client.data('gap')).toEqual([{ topic: 'a', after: '0', oldest: '8' }]);
	expect(client.data('a')).toEqual([8, 9, 10]);
});

test('a trim that runs while a page is being read cannot hide from who reads it', async () => {
	scene = await openScene();
	await scene.insert('a', ...numbers(10));
	const on = queryable(scene.sql);
	let statements = 0;
	const read = createPageReader(
		{
			query: async (text, parameters) => {
				if (++statements === 2)
					expect(await trim(scene.database.url, { a: { lastPerUser: 3 } })).toBe(7);
				return on.query(text, parameters);
			}
		},
		scene.server.app.logger
	);
	const { events, horizons } = await read({
		userId: scene.user.id,
		starts: [{ topic: 'a', after: 0n }],
		to: 10n,
		size: new PageSize({ most: 100, bytes: 1_048_576 }),
		signal: new AbortController().signal
	});
	const missing = numbers(10).filter((n) => !events.some(({ id }) => id === BigInt(n)));
	expect(missing.filter((n) => BigInt(n) > (horizons.get('a') ?? 0n))).toEqual([]);
	expect(await left(scene.sql, 'a')).toEqual([8, 9, 10]);
});
