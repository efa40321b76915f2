/** Read markers: how far a user has read a topic, on every screen of the user. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Viewer } from '../../src/lib/protocol/index.ts';
import { createUser } from '../support/app-server.ts';
import { lockWaits } from '../support/lock-waits.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

let scene: Scene;
let me: Viewer;

beforeEach(async () => {
	scene = await openScene();
	me = { id: scene.user.id, name: scene.user.name };
});
afterEach(() => scene.close());

const logline = () => scene.server.app.logline;

/** Inserts an event and returns its id. */
async function add(topic: string, userId: string | null = null): Promise<string> {
	const [row] = await scene.sql<{ id: string }[]>`
		insert into events (topic, user_id, data) values (${topic}, ${userId}, '{}') returning id::text`;
	return row!.id;
}

/** The markers that a stream was told, without repetitions: what is known may be told again. */
const told = (client: StreamClient) =>
	[...new Set(client.data('read').map((data) => JSON.stringify(data)))].map(
		(text) => JSON.parse(text) as unknown
	);

async function reads(client: StreamClient, ...markers: unknown[]): Promise<void> {
	await until(() => told(client).length >= markers.length, { what: 'the markers' });
	expect(told(client)).toEqual(markers);
}

describe('a marker', () => {
	test('moves forward only, and never beyond what its user may see', async () => {
		const first = await add('a');
		const second = await add('a', me.id);
		const foreign = await add('a', 'somebody else');
		expect(await logline().markRead(me, 'a', first)).toEqual({ topic: 'a', id: first, unread: 1 });
		expect(await logline().markRead(me, 'a', BigInt(foreign) + 1000n)).toEqual({
			topic: 'a',
			id: second,
			unread: 0
		});
		expect(await logline().markRead(me, 'a', first)).toMatchObject({ id: second });
		await scene.sql`update read_markers set event_id = 1`;
		const later = await add('a');
		expect(await logline().unread(me, ['a', 'b'])).toEqual({
			a: { topic: 'a', id: second, unread: 1 },
			b: { topic: 'b', id: '0', unread: 0 }
		});
		// What another user has read is that user's own.
		expect(await logline().unread({ id: 'other' }, ['a'])).toEqual({
			a: { topic: 'a', id: '0', unread: 2 }
		});
		expect(later).not.toBe(second);
	});

	test('that many requests move at once ends at the largest', async () => {
		const ids: string[] = [];
		for (let i = 0; i < 20; i++) ids.push(await add('a'));
		await Promise.all(ids.map((id) => logline().markRead(me, 'a', id)));
		expect(await logline().unread(me, ['a'])).toEqual({
			a: { topic: 'a', id: ids.at(-1), unread: 0 }
		});
	});

	test('counts to a hundred, of what is for everyone and what is for its user', async () => {
		await scene.sql`insert into events (topic, user_id, data)
			select 'a', case when n % 3 = 0 then ${me.id} when n % 3 = 1 then 'other' end, '{}' from generate_series(1, 120) n`;
		expect(await logline().unread(me, ['a'])).toMatchObject({ a: { unread: 80 } });
		await scene.sql`insert into events (topic, data) select 'a', '{}' from generate_series(1, 5000)`;
		expect(await logline().unread(me, ['a'])).toMatchObject({ a: { unread: 100 } });
	});

	test('counts only what came since the grant, where only that is seen', async () => {
		await add('clubs/1/news');
		await logline().grant('clubs/1', me.id);
		const seen = await add('clubs/1/news');
		expect(await logline().unread(me, ['clubs/1/news'])).toMatchObject({
			'clubs/1/news': { unread: 1 }
		});
		expect(await logline().markRead(me, 'clubs/1/news', '1')).toMatchObject({ id: '0' });
		expect(await logline().markRead(me, 'clubs/1/news', seen)).toMatchObject({
			id: seen,
			unread: 0
		});
	});

	test.each([
		['a', 'x', 'invalid_id'],
		['a', '-1', 'invalid_id'],
		['nothing', '1', 'invalid_topics'],
		['staff', '1', 'forbidden_topic'],
		['rooms/1/messages', '1', 'forbidden_topic'],
		['rooms/*/messages', '1', 'invalid_topics']
	])('of %s at %s is refused: %s', async (topic, id, code) => {
		await expect(logline().markRead(me, topic, id)).rejects.toMatchObject({ code });
		expect(await scene.sql`select from read_markers`).toHaveLength(0);
	});
});

describe('a stream', () => {
	test('is told at connect how far its topics are read, and of each move on every server', async () => {
		const first = await add('a');
		const second = await add('a');
		await logline().markRead(me, 'a', first);
		await logline().markRead(me, 'c', first);
		const other = await scene.addServer();
		const here = scene.open('topics=a&topics=b');
		const there = scene.open('topics=a', { server: other });
		const stranger = await createUser(scene.database.url);
		const theirs = new StreamClient(scene.server.stream('topics=a'), { cookie: stranger.cookie });
		try {
			await theirs.caughtUp();
			await reads(here, { topic: 'a', id: first, unread: 1 });
			await reads(there, { topic: 'a', id: first, unread: 1 });
			await logline().markRead(me, 'a', second);
			const moved = { topic: 'a', id: second, unread: 0 };
			await until(() => told(here).length === 2 && told(there).length === 2, {
				what: 'both are told'
			});
			expect(told(here)[1]).toEqual(moved);
			expect(told(there)[1]).toEqual(moved);
			expect(theirs.of('read')).toEqual([]);
		} finally {
			theirs.close();
		}
	});

	test("is told of its user's first move, when that happens while the stream opens", async () => {
		const id = await add('a');
		const witness = scene.open('topics=a');
		await witness.caughtUp();
		const opening = await scene.sql.begin(async (sql) => {
			// The stream has asked whether there are markers; then it waits to record its subscription.
			await sql`lock table topic_subscriptions in share mode`;
			const client = scene.open('topics=a&client=second');
			await until(() => lockWaits(sql, 'topic_subscriptions'), { what: 'the stream waits' });
			await logline().markRead(me, 'a', id);
			await reads(witness, { topic: 'a', id, unread: 0 });
			expect(client.of('caught-up')).toEqual([]);
			return client;
		});
		await reads(opening, { topic: 'a', id, unread: 0 });
	});

	test('is told of a move that was made by plain SQL', async () => {
		const id = await add('a');
		const client = scene.open('topics=a');
		await client.caughtUp();
		await scene.sql`insert into read_markers (user_id, topic, event_id) values (${me.id}, 'a', ${id})`;
		await reads(client, { topic: 'a', id, unread: 0 });
	});

	test('is told of a statement that moves the markers of very many', async () => {
		const id = await add('a');
		const client = scene.open('topics=a');
		await client.caughtUp();
		await scene.sql`insert into read_markers (user_id, topic, event_id)
			select 'user ' || n, 'a', 1 from generate_series(1, 500) n union all select ${me.id}, 'a', ${id}::bigint`;
		await reads(client, { topic: 'a', id, unread: 0 });
	});

	test('is told of a move that nobody heard of, when the listener is back', async () => {
		const id = await add('a');
		const client = scene.open('topics=a');
		await client.caughtUp();
		await scene.sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity
			where datname = current_database() and application_name = 'logline listener'`;
		await scene.sql`insert into read_markers (user_id, topic, event_id) values (${me.id}, 'a', ${id})`;
		await reads(client, { topic: 'a', id, unread: 0 });
	});

	test('is told the marker of a room when its user gets into the room, and no more afterwards', async () => {
		const id = await add('rooms/1/messages');
		await scene.sql`insert into read_markers (user_id, topic, event_id) values (${me.id}, 'rooms/1/messages', ${id})`;
		const client = scene.open(`topics=${encodeURIComponent('rooms/*/messages')}`);
		await client.caughtUp();
		await logline().grant('rooms/1', me.id);
		await reads(client, { topic: 'rooms/1/messages', id, unread: 0 });
		await logline().revoke('rooms/1', me.id);
		await client.arrived('denied');
		const later = await add('rooms/1/messages');
		await scene.sql`update read_markers set event_id = ${later}`;
		await scene.sql`insert into read_markers (user_id, topic, event_id) values (${me.id}, 'a', ${id})`;
		await logline().grant('rooms/1', me.id);
		await until(() => told(client).length > 1, { what: 'the marker, when it is back' });
		expect(told(client)[1]).toEqual({ topic: 'rooms/1/messages', id: later, unread: 0 });
	});
});
