/** A part of the server that follows topics, as a stream does. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SignedInViewer } from 'logline/server';
import type { WatchOptions } from '../../src/lib/server/streams/watch.ts';
import type { AppServer } from '../support/app-server.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let scene: Scene;
beforeEach(async () => {
	scene = await openScene();
});
afterEach(() => scene.close());

const viewer = (): SignedInViewer => ({
	...scene.user,
	session: scene.user.sessionID,
	expires: new Date(Date.now() + 3_600_000)
});

/** Follows topics until `stop`, and notes what comes. */
function follow(
	topics: string[],
	options: Partial<WatchOptions> & { server?: AppServer; pace?: () => Promise<unknown> } = {}
) {
	const { server = scene.server, pace, ...rest } = options;
	const seen: string[] = [];
	const notes: string[] = [];
	let last = '0';
	const stopping = new AbortController();
	const run = async () => {
		const watched = server.app.logline.watch(topics as never[], {
			viewer: viewer(),
			signal: stopping.signal,
			onDenied: ({ topic, reason }) => notes.push(`denied ${topic} ${reason}`),
			onEnded: ({ topic }) => notes.push(`ended ${topic}`),
			onCaughtUp: () => notes.push('caught up'),
			...rest
		});
		for await (const { id, topic, data } of watched as AsyncIterable<Record<string, unknown>>) {
			seen.push(`${String(topic)} ${String(data)}`);
			last = String(id);
			await pace?.();
		}
		return 'ended';
	};
	const over = run().catch((error: unknown) => (error as { code?: string }).code ?? String(error));
	return {
		seen,
		notes,
		over,
		stop: () => stopping.abort(),
		get last() {
			return last;
		},
		sees: (...lines: string[]) =>
			until(() => seen.length >= lines.length, { what: lines.join() }).then(
				() => expect(seen).toEqual(lines),
				() => expect(seen).toEqual(lines)
			)
	};
}

test('begins where a read has ended, and goes on with what is written', async () => {
	await scene.insert('a', 1, 2);
	const { cursor } = await scene.server.app.logline.read(scene.user, ['a'] as never[]);
	await scene.insert('a', 3);
	const watched = follow(['a'], { after: cursor });
	await scene.insert('b', 'not asked for');
	await watched.sees('a 3');
	await scene.insert('a', 4);
	await watched.sees('a 3', 'a 4');
	watched.stop();
	expect(await watched.over).toBe('ended');
	expect(watched.notes).toEqual(['caught up']);
});

test('does not begin for a session that has ended since its user was looked up', async () => {
	const told = follow(['a']);
	await until(() => told.notes.includes('caught up'), { what: 'it is live' });
	await scene.sql`delete from sessions where id = ${scene.user.sessionID}`;
	await told.over;
	// The notification of the end has passed: nobody will tell this one.
	const watched = follow(['a']);
	await scene.insert('a', 1);
	expect(await watched.over).toBe('unauthorized');
	expect(watched.seen).toEqual([]);
});

test('brings the whole history without a cursor, and nothing that is for somebody else', async () => {
	await scene.insert('a', 1);
	await scene.sql`INSERT INTO events (topic, user_id, data) VALUES ('a', 'somebody', '"secret"'), ('a', ${scene.user.id}, '"mine"')`;
	const watched = follow(['a']);
	await watched.sees('a 1', 'a mine');
	watched.stop();
	await watched.over;
});

test('follows grants, and continues after its cursor in topics of a wildcard, too', async () => {
	const { logline } = scene.server.app;
	const room = 'rooms/1/messages';
	await logline.grant('rooms/1', scene.user.id);
	await scene.insert(room, 'one');
	const first = follow(['rooms/*/messages']);
	await first.sees(`${room} one`);
	first.stop();
	await first.over;
	await scene.insert(room, 'two');
	const next = follow(['rooms/*/messages'], { after: first.last });
	await next.sees(`${room} two`);
	await logline.revoke('rooms/1', scene.user.id);
	await until(() => next.notes.length === 2, { what: 'it is told' });
	await scene.insert(room, 'three');
	await logline.grant('rooms/1', scene.user.id);
	await next.sees(`${room} two`, `${room} one`, `${room} two`, `${room} three`);
	expect(next.notes).toEqual(['caught up', `denied ${room} revoked`]);
	next.stop();
	await next.over;
});

test('ends with the session of its viewer', async () => {
	const watched = follow(['a']);
	await until(() => watched.notes.length > 0, { what: 'it is live' });
	await scene.sql`DELETE FROM sessions WHERE id = ${scene.user.sessionID}`;
	expect(await watched.over).toBe('unauthorized');
	await scene.insert('a', 'private');
	expect(watched.seen).toEqual([]);
});

test('ends with its server, and goes on at another one without a loss', async () => {
	const other = await scene.addServer();
	const watched = follow(['a'], { server: other });
	await scene.insert('a', 1);
	await watched.sees('a 1');
	await other.app.logline.drain();
	expect(await watched.over).toBe('watch_ended');
	await scene.insert('a', 2);
	const next = follow(['a'], { after: watched.last });
	await next.sees('a 2');
	next.stop();
	await next.over;
});

test('waits for a slow loop, and holds no more than a stream may', async () => {
	const watched = follow(['a'], { pace: () => new Promise((resolve) => setImmediate(resolve)) });
	await until(() => watched.notes.length > 0, { what: 'it is live' });
	await scene.sql`INSERT INTO events (topic, data) SELECT 'a', to_jsonb(n) FROM generate_series(1, 5000) AS n`;
	await until(() => watched.seen.length === 5000, { what: 'all events', timeoutMs: 30_000 });
	expect(watched.seen).toEqual(Array.from({ length: 5000 }, (_, n) => `a ${n + 1}`));
	watched.stop();
	await watched.over;
});

test('gives its place back when the loop is left, and leaves no row behind', async () => {
	await scene.insert('a', 1);
	for await (const _ of scene.server.app.logline.watch(['a'] as never[], { viewer: viewer() }))
		break;
	await until(() => scene.server.app.health().activeConnections === 0, {
		what: 'no stream is left'
	});
	expect(await scene.sql`SELECT FROM topic_subscriptions`).toHaveLength(0);
});

test('brings old events in the shape that their topic has today, null too, as a read does', async () => {
	await scene.sql`INSERT INTO events (topic, data) VALUES ('legacy', '1')`;
	await scene.sql`INSERT INTO events (topic, data) VALUES ('legacy', 'null')`;
	const watched = follow(['legacy']);
	await watched.sees('legacy now 1', 'legacy now null');
	watched.stop();
	await watched.over;
	const { events } = await scene.server.app.logline.read(scene.user, ['legacy'] as never[]);
	expect(events.map(({ data }) => data)).toEqual(['now 1', 'now null']);
});

test('tells that a topic has ended, and goes on with the others', async () => {
	await scene.insert('a', 1);
	const watched = follow(['a', 'b']);
	await watched.sees('a 1');
	await scene.server.app.logline.end('a');
	await until(() => watched.notes.includes('ended a'), { what: 'it is told' });
	await scene.insert('b', 2);
	await watched.sees('a 1', 'b 2');
	watched.stop();
	await watched.over;
});

test.each(['pointers', 'rooms/1/typing', 'rooms/*/typing'])(
	'refuses a topic of signals, which would bring nothing: %s',
	async (topic) => {
		expect(await follow(['a', topic]).over).toBe('invalid_topics');
	}
);
