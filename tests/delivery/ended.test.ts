/** Streams of topics that end: each is told so after the topic's last event, wherever it stands. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openScene, type Scene } from '../support/scene.ts';
import type { AppServer } from '../support/app-server.ts';
import type { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';
import { addLateServer } from './held-tailer.ts';

let scene: Scene;
beforeEach(async () => {
	scene = await openScene();
});
afterEach(async () => {
	vi.restoreAllMocks();
	await scene.close();
});

const ROOM = (n: number) => `rooms/${n}/messages`;
const end = async (topic: string) => {
	await scene.server.app.logline.end(topic);
	await read();
};
const grant = async (scope: string) => {
	await scene.server.app.logline.grant(scope, scene.user.id);
	await read();
};
/** Resolves when the outbox is in the log, and the server has read all of it. */
async function read(server: AppServer = scene.server): Promise<void> {
	await until(
		async () => {
			const [row] = await scene.sql`select (select count(*) from outbox) as waiting,
				(select coalesce(max(id), 0) from events)::text as head`;
			return Number(row!.waiting) === 0 && server.app.health().head === row!.head;
		},
		{ what: 'the server has read the log' }
	);
}

/** What a client got, in order: events as `topic data`, and what it was told. */
const story = (client: StreamClient) =>
	client.received.flatMap(({ event, data }) => {
		const { topic } = (data ?? {}) as { topic?: string };
		if (event === 'keep-alive') return [];
		if (event === 'caught-up') return ['caught-up'];
		return topic === undefined ? [`${event} ${String(data)}`] : [`${event} ${topic}`];
	});
const tells = (client: StreamClient, ...lines: string[]) =>
	until(() => story(client).length >= lines.length, { what: lines.join(', ') }).then(
		() => expect(story(client)).toEqual(lines),
		() => expect(story(client)).toEqual(lines)
	);
/** The ids are those of events: the end has none of its own. */
const cursorsRise = ({ received }: StreamClient) => {
	const ids = received.map(({ id }) => BigInt(id || '0'));
	expect(ids).toEqual([...ids].sort((a, b) => (a < b ? -1 : 1)));
};

describe('a stream is told that a topic has ended', () => {
	test('while it is live: after the last event, and before what comes later', async () => {
		const client = scene.open('topics=a&topics=b');
		await client.caughtUp();
		// One batch: the tailer reads all of it at once.
		await scene.sql.begin(async (tx) => {
			await tx`insert into events (topic, data) values ('a', '1'), ('b', '1'), ('a', '2'),
				('$ended', '{"topic": "a"}'), ('b', '2')`;
		});
		await tells(client, 'caught-up', 'a 1', 'b 1', 'a 2', 'ended a', 'b 2');
		cursorsRise(client);
		await scene.insert('b', 3);
		await tells(client, 'caught-up', 'a 1', 'b 1', 'a 2', 'ended a', 'b 2', 'b 3');
	});

	test('when its transaction commits, behind what the transaction has emitted', async () => {
		const client = scene.open('topics=a');
		await client.caughtUp();
		const { logline } = scene.server.app;
		await scene.sql.begin(async (tx) => {
			await logline.append([{ topic: 'a', data: 'last' }], tx);
			await logline.end('a', tx);
		});
		await tells(client, 'caught-up', 'a last', 'ended a');
		await expect(logline.append([{ topic: 'a', data: 'late' }])).rejects.toMatchObject({
			code: 'topic_ended',
			status: 409
		});
	});

	test('when it comes: after the history, at its place among other topics', async () => {
		await scene.insert('a', 1, 2);
		await end('a');
		await scene.insert('b', 1);
		await tells(scene.open('topics=a&topics=b'), 'a 1', 'a 2', 'ended a', 'b 1', 'caught-up');
		// A server that has just started has it from the log.
		const server = await scene.addServer();
		const there = scene.open('topics=a&topics=b', { server });
		await tells(there, 'a 1', 'a 2', 'ended a', 'b 1', 'caught-up');
		cursorsRise(there);
	});

	test('when it was away meanwhile: once, before it is caught up', async () => {
		await scene.insert('a', 1);
		const client = scene.open('topics=a&topics=b&client=me');
		await client.caughtUp();
		client.close();
		await end('a');
		await scene.insert('b', 1);
		const from = (cursor: string) =>
			scene.open('topics=a&topics=b&client=me', { lastEventID: cursor });
		const again = from(client.cursor);
		await tells(again, 'ended a', 'b 1', 'caught-up');
		again.close();
		await tells(from(again.cursor), 'caught-up');
	});

	test('when it begins behind the end, as a page that was rendered there does: before it is caught up', async () => {
		await scene.insert('a', 1);
		await end('a');
		await scene.insert('b', 1);
		const { cursor } = await scene.server.app.logline.read(scene.user, []);
		const page = scene.open('topics=a@0&topics=b@0&client=page', { lastEventID: cursor });
		await tells(page, 'ended a', 'caught-up');
	});

	test('when a wildcard brings it: granted before the end, after it, and since the grant only', async () => {
		await scene.insert(ROOM(1), 1);
		await scene.insert(ROOM(2), 2);
		await scene.insert('clubs/1/news', 'unseen');
		await grant('rooms/1');
		const client = scene.open('topics=rooms/*/messages&topics=clubs/*/news');
		await client.caughtUp();
		await end(ROOM(1));
		await end(ROOM(2));
		await end('clubs/1/news');
		await tells(client, `subscribed ${ROOM(1)}`, `${ROOM(1)} 1`, 'caught-up', `ended ${ROOM(1)}`);
		await grant('rooms/2');
		await grant('clubs/1');
		const told = [
			`subscribed ${ROOM(1)}`,
			`${ROOM(1)} 1`,
			'caught-up',
			`ended ${ROOM(1)}`,
			`subscribed ${ROOM(2)}`,
			`${ROOM(2)} 2`,
			`ended ${ROOM(2)}`,
			'subscribed clubs/1/news',
			'ended clubs/1/news'
		];
		await tells(client, ...told);
	});

	test('but not of a topic that it may not see', async () => {
		await scene.insert(ROOM(1), 1);
		const client = scene.open(`topics=a&topics=${ROOM(1)}`);
		await client.caughtUp();
		await end(ROOM(1));
		await scene.insert('a', 1);
		await tells(client, `denied ${ROOM(1)}`, 'caught-up', 'a 1');
	});

	test('by a server that is behind, when that server is there, and not again if it was told before', async () => {
		const { server, release } = await addLateServer(scene);
		const early = scene.open('topics=a&topics=b&client=x');
		await early.caughtUp();
		await scene.sql`insert into events (topic, data) values ('a', '1')`;
		await scene.server.app.logline.end('a');
		await scene.sql`insert into events (topic, data) values ('b', '1')`;
		await tells(early, 'caught-up', 'a 1', 'ended a', 'b 1');
		early.close();
		const anew = scene.open('topics=a', { server });
		const again = scene.open('topics=a&topics=b&client=x', { server, lastEventID: early.cursor });
		expect(BigInt(server.app.health().head)).toBeLessThan(BigInt(early.cursor));
		expect(story(anew)).not.toContain('ended a');
		release();
		await tells(again, 'caught-up');
		await until(() => story(anew).includes('ended a'), { what: 'the end' });
		expect(story(anew).filter((line) => line !== 'caught-up')).toEqual(['a 1', 'ended a']);
	});
});

test('a slow stream that falls back to the log is told after the last event, also when memory has forgotten it', async () => {
	const client = scene.open('topics=a&topics=b');
	await client.caughtUp();
	client.pause();
	const size = 200_000;
	await scene.sql`
		insert into events (topic, data) select 'a', to_jsonb(i || repeat('x', ${size})) from generate_series(1, 60) i`;
	await end('a');
	// More than the window holds, so that the end comes from the log.
	for (let n = 0; n < 4; n++) {
		await scene.sql`
			insert into events (topic, data) select 'b', to_jsonb(i || repeat('x', ${size})) from generate_series(1, 40) i`;
	}
	await read();
	expect(scene.server.app.logline.parts.hub.window.floor).toBeGreaterThan(61n);
	client.resume();
	await until(() => client.of('b').length === 160, { what: 'everything', timeoutMs: 30_000 });
	const names = client.received.map(({ event }) => event).filter((name) => name !== 'keep-alive');
	const expected = [
		'caught-up',
		...Array<string>(60).fill('a'),
		'ended',
		...Array<string>(160).fill('b')
	];
	expect(names).toEqual(expected);
	cursorsRise(client);
});

test('the end stays known when its own event has been trimmed', async () => {
	await scene.insert('a', 1);
	await end('a');
	await scene.sql`
		insert into topic_horizons (topic, audience, horizon) select '$ended', '', id from events where topic = '$ended'`;
	await scene.sql`delete from events where topic = '$ended'`;
	const server = await scene.addServer();
	await tells(scene.open('topics=a', { server }), 'a 1', 'ended a', 'caught-up');
});
