import { afterEach, describe, expect, test } from 'vitest';
import { EventStream, type Block } from '../faults/event-stream.ts';
import { numbers } from '../support/numbers.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let scene: Scene;
afterEach(() => scene.close());

/** A client that was live on `a`, while `b` had a history that it never requested. */
async function liveOnA(): Promise<string> {
	scene = await openScene();
	await scene.insert('b', ...numbers(20));
	await scene.insert('a', 'seen');
	const client = scene.open('topics=a&client=x');
	await client.caughtUp();
	expect(client.data('a')).toEqual(['seen']);
	client.close();
	return client.cursor;
}

describe('a topic added later', () => {
	test('replays its whole history, while the others go on after the cursor', async () => {
		const cursor = await liveOnA();
		await scene.insert('a', 'missed');
		const client = scene.open('topics=a&topics=b@1&client=x', { lastEventID: cursor });
		await client.caughtUp();
		expect(client.data('b')).toEqual(numbers(20));
		expect(client.data('a')).toEqual(['missed']);
	});

	test('keeps its history when the connection dies before the first byte of it', async () => {
		const cursor = await liveOnA();
		const query = 'topics=a&topics=b@1&client=x';
		const first = scene.open(query, { lastEventID: cursor });
		// The server has recorded the subscription. The client disconnects before it reads anything.
		await until(
			async () => (await scene.sql`select 1 from topic_subscriptions where topic = 'b'`).length > 0
		);
		first.close();
		const again = scene.open(query, { lastEventID: cursor });
		await again.caughtUp();
		expect(again.data('b')).toEqual(numbers(20));
		expect(again.data('a')).toEqual([]);
	});

	for (const count of [1, 2, 7, 19, 20]) {
		test(`keeps its history when the connection dies after ${count} events of it`, async () => {
			const cursor = await liveOnA();
			const query = 'topics=a&topics=b@1&client=x';
			const first = scene.open(query, { lastEventID: cursor });
			first.stopAfter(count);
			await until(() => first.ended);
			expect(first.data('b')).toEqual(numbers(count));
			const again = scene.open(query, { lastEventID: first.cursor });
			await again.caughtUp();
			// At least once on the wire. Events of `a` may also come twice when the cut was between an old event and the
			// bare id after it. The client drops known ids.
			const byId = (...topics: string[]) =>
				new Map([...first.of(...topics), ...again.of(...topics)].map((e) => [e.id, e.data]));
			expect([...byId('b').values()]).toEqual(numbers(20));
			expect([...byId('a').values()].filter((value) => value !== 'seen')).toEqual([]);
		});
	}

	test('is safe once the client has caught up: a reconnect brings only what was missed', async () => {
		const cursor = await liveOnA();
		const query = 'topics=a&topics=b@1&client=x';
		const first = scene.open(query, { lastEventID: cursor });
		const { id } = await first.caughtUp();
		first.close();
		expect(first.cursor).toBe(id);
		await scene.insert('b', 21);
		const again = scene.open(query, { lastEventID: first.cursor });
		await again.caughtUp();
		expect(again.data('b')).toEqual([21]);
		// A second time, without an event in between.
		const third = scene.open(query, { lastEventID: again.cursor });
		await third.caughtUp();
		expect(third.data('a', 'b')).toEqual([]);
	});

	test('does not move the cursor back while its old events are sent', async () => {
		const cursor = await liveOnA();
		const url = scene.server.stream('topics=a&topics=b@1&client=x');
		const blocks: Block[] = [];
		const stream = new EventStream(
			url,
			{ cookie: scene.user.cookie, 'last-event-id': cursor },
			{ onStatus: () => {}, onBlock: (block) => blocks.push(block), onEnd: () => {} }
		);
		await until(() => blocks.some((block) => block.event === 'caught-up'));
		stream.close();
		const old = blocks.filter(({ event, id }) => event === 'b' && Number(id) <= Number(cursor));
		expect(old).toHaveLength(20);
		for (const block of old) {
			// A browser takes this id as its cursor and fires no event.
			const restored: Block = { id: cursor, event: 'message', data: null };
			expect(blocks[blocks.indexOf(block) + 1]).toEqual(restored);
		}
	});
});

describe('a topic removed and added again', () => {
	const both = 'topics=a&topics=b@1&client=x';
	const again = 'topics=a&topics=b@2&client=x';

	async function withBoth(): Promise<string> {
		const cursor = await liveOnA();
		const client = scene.open(both, { lastEventID: cursor });
		await client.caughtUp();
		client.close();
		return client.cursor;
	}

	test('replays', async () => {
		const cursor = await withBoth();
		const without = scene.open('topics=a&client=x', { lastEventID: cursor });
		await without.caughtUp();
		without.close();
		const client = scene.open(again, { lastEventID: without.cursor });
		await client.caughtUp();
		expect(client.data('b')).toEqual(numbers(20));
	});

	test('replays when the request that removed it never arrived', async () => {
		const cursor = await withBoth();
		const client = scene.open(again, { lastEventID: cursor });
		await client.caughtUp();
		expect(client.data('b')).toEqual(numbers(20));
	});

	test('stays when the request that removed it arrives last', async () => {
		const cursor = await withBoth();
		const client = scene.open(again, { lastEventID: cursor });
		await client.caughtUp();
		const late = scene.open('topics=a&client=x', { lastEventID: cursor });
		await late.caughtUp();
		late.close();
		await scene.insert('b', 21);
		await until(() => client.data('b').length === 21);
		client.close();
		const next = scene.open(again, { lastEventID: client.cursor });
		await next.caughtUp();
		expect(next.data('b')).toEqual([]);
	});

	test('replays for a client that names topics without counting', async () => {
		scene = await openScene();
		await scene.insert('a', 1);
		await scene.insert('b', 2);
		const first = scene.open('topics=a&topics=b');
		await first.caughtUp();
		first.close();
		const without = scene.open('topics=a', { lastEventID: first.cursor });
		await without.caughtUp();
		without.close();
		const client = scene.open('topics=a&topics=b', { lastEventID: without.cursor });
		await client.caughtUp();
		expect(client.data('a')).toEqual([]);
		expect(client.data('b')).toEqual([2]);
	});
});

test('a second tab with other topics does not disturb the first', async () => {
	scene = await openScene();
	await scene.insert('a', 1);
	await scene.insert('b', 2);
	const tab = scene.open('topics=a&client=one');
	await tab.caughtUp();
	tab.close();
	const other = scene.open('topics=b&client=two');
	await other.caughtUp();
	await scene.insert('a', 3);
	const back = scene.open('topics=a&client=one', { lastEventID: tab.cursor });
	await back.caughtUp();
	expect(back.data('a')).toEqual([3]);
	expect(other.data('b')).toEqual([2]);
});

test('a replay that breaks off again and again goes on after what was handled, and comes to its end', async () => {
	const cursor = await liveOnA();
	const seen: unknown[] = [];
	for (let round = 1, last = '0'; seen.length < 20; round++) {
		expect(round).toBeLessThan(12);
		const client = scene.open(`topics=a&topics=b@1:${last}&client=x`, { lastEventID: cursor });
		client.stopAfter(2);
		await until(() => client.ended);
		seen.push(...client.data('b'));
		last = client.of('b').at(-1)!.id;
	}
	expect(seen).toEqual(numbers(20));
});

test('what is trimmed between two attempts is told, and what was trimmed before the first is not', async () => {
	const cursor = await liveOnA();
	const trim = (to: number) => scene.sql`
		with moved as (
			insert into topic_horizons (topic, audience, horizon) values ('b', '', ${to})
			on conflict (topic, audience) do update set horizon = excluded.horizon)
		delete from events where topic = 'b' and id <= ${to}`;
	await trim(5);
	// Started after the trim, so that it reads the events from the log.
	await scene.sql`insert into events (topic, data) select 'e', '0' from generate_series(1, 2100)`;
	const server = await scene.addServer();
	const open = (last: string) =>
		scene.open(`topics=a&topics=b@1${last}&client=x`, { lastEventID: cursor, server });
	const first = open('');
	first.stopAfter(3);
	await until(() => first.ended);
	const second = open('');
	second.stopAfter(3);
	await until(() => second.ended);
	expect([...first.data('gap'), ...second.data('gap')]).toEqual([]);
	await trim(12);
	const third = open(`:${second.of('b').at(-1)!.id}`);
	await third.caughtUp();
	expect(third.data('gap')).toEqual([{ topic: 'b', after: '8', oldest: '13' }]);
	expect(third.data('b')).toEqual(numbers(8, 13));
});

test('a page that adds a topic before any request of it has arrived goes on with what it shows, and is told what was trimmed', async () => {
	scene = await openScene();
	await scene.insert('b', ...numbers(3));
	await scene.insert('a', 'shown', 'trimmed');
	const shown = '4';
	await scene.sql`insert into topic_horizons (topic, audience, horizon) values ('a', '', 5)`;
	await scene.sql`delete from events where id = 5`;
	// It does not have the trimmed event in memory.
	const server = await scene.addServer();
	const page = scene.open('topics=a@0&topics=b@1&client=x', { lastEventID: shown, server });
	await page.caughtUp();
	expect(page.data('gap')).toEqual([{ topic: 'a', after: shown, oldest: '6' }]);
	expect(page.data('a')).toEqual([]);
	expect(page.data('b')).toEqual(numbers(3));
});

test('what the log does for itself cannot be asked for', async () => {
	scene = await openScene();
	const client = scene.open('topics=$subscribed');
	await until(() => client.status === 400 && client.body);
	expect(client.body).toContain('invalid_topics');
});
