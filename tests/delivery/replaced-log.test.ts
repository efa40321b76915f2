import { afterEach, describe, expect, test, vi } from 'vitest';
import { Lanes } from '../../src/lib/server/database/lanes.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let scene: Scene;
afterEach(() => scene.close());

/** Simulates a restore from an older copy: the newest events are gone, and their ids are given out again. */
async function restore(to: number): Promise<void> {
	await scene.sql`delete from events where id > ${to}`;
	await scene.sql`select setval('events_id_seq', ${to})`;
}

describe('a log that was restored from an older copy under open streams', () => {
	test('ends them, and whoever comes back gets all of the new log', async () => {
		scene = await openScene();
		await scene.insert('a', 1, 2, 3, 4, 5);
		const client = scene.open('topics=a&client=x');
		const { data } = await client.caughtUp();
		const { log } = data as { log: string };
		await restore(2);
		await scene.sql`update log_state set epoch = gen_random_uuid()`;
		await until(() => client.ended, { what: 'the stream ends' });
		await scene.insert('a', 'other 3', 'other 4', 'other 5', 'other 6');
		// Its cursor is also an id of the new log: only the epoch differs.
		const again = scene.open(`topics=a&client=x&log=${log}`, { lastEventID: '5' });
		await again.caughtUp();
		expect(again.of('gap')).toHaveLength(1);
		expect(again.data('a')).toEqual([1, 2, 'other 3', 'other 4', 'other 5', 'other 6']);
		expect((again.of('caught-up')[0]!.data as { log: string }).log).not.toBe(log);
		await scene.insert('a', 'live');
		await until(() => again.data('a').includes('live'));
	});

	test('is noticed even when nobody rotated its epoch, as long as it is behind', async () => {
		scene = await openScene();
		await scene.insert('a', 1, 2, 3, 4, 5);
		const client = scene.open('topics=a&client=x');
		await client.caughtUp();
		await restore(2);
		await until(() => client.ended);
		const again = scene.open('topics=a&client=x', { lastEventID: client.cursor });
		await again.caughtUp();
		expect(again.of('gap')).toHaveLength(1);
		expect(again.data('a')).toEqual([1, 2]);
	});
});

test('who comes back soon costs one statement besides the sign-in, and reads no event from the database', async () => {
	scene = await openScene();
	const first = scene.open('topics=a&topics=b&client=x');
	await first.caughtUp();
	first.close();
	await scene.insert('a', ...Array.from({ length: 100 }, (_, i) => i));
	await until(() => scene.server.app.health().head === '100');
	// Counts the application's queries for this client. Its polls are excluded.
	const lanes = vi.spyOn(Lanes.prototype, 'query');
	const again = scene.open('topics=a&topics=b&client=x', { lastEventID: first.cursor });
	await again.caughtUp();
	expect(again.data('a')).toHaveLength(100);
	const statements = lanes.mock.calls
		.filter((_, i) => !(lanes.mock.contexts[i] instanceof SoleConnection))
		.map(([query]) => query);
	lanes.mockRestore();
	expect(statements.filter((query) => query.includes('FROM sessions'))).toHaveLength(1);
	expect(statements.filter((query) => query.includes('FROM topic_subscriptions'))).toHaveLength(1);
	expect(statements.filter(isOurs)).toHaveLength(2);
});

test('two hundred who come back at once share statements', async () => {
	scene = await openScene({ maxConnectionsPerUser: 500 });
	const streams = Array.from({ length: 200 }, (_, n) => scene.open(`topics=a&client=c${n}`));
	await Promise.all(streams.map((stream) => stream.caughtUp()));
	for (const stream of streams) stream.close();
	await scene.insert('a', 1);
	const lanes = vi.spyOn(Lanes.prototype, 'query');
	const again = streams.map((stream, n) =>
		scene.open(`topics=a&client=c${n}`, { lastEventID: stream.cursor })
	);
	await Promise.all(again.map((stream) => stream.caughtUp()));
	const statements = lanes.mock.calls
		.filter((_, i) => !(lanes.mock.contexts[i] instanceof SoleConnection))
		.filter(([query]) => isOurs(query));
	lanes.mockRestore();
	expect(again.map((stream) => stream.data('a'))).toEqual(again.map(() => [1]));
	// Alone, each would cost two. How many share one depends on how fast they come.
	expect(statements.length).toBeLessThan(350);
});

/** Excludes heartbeats and maintenance, which run at their own times. */
const isOurs = (query: string) =>
	!/pg_notify|logline_ensure_partitions|append_batches|DELETE FROM/.test(query);
