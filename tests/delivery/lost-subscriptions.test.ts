/** A failover loses not only events, but also the subscriptions of the same moments. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let scene: Scene;
beforeEach(async () => (scene = await openScene()));
afterEach(() => scene.close());

/** Simulates a promoted replica: everything after an id is gone, and the log has moved. */
async function loseAfter(id: string): Promise<void> {
	await scene.sql`delete from topic_subscriptions where since > ${id}`;
	await scene.sql`delete from events where id > ${id}`;
	await scene.sql`update log_state set place = 'elsewhere'`;
	await scene.sql`
		select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and application_name <> 'logline test sql'`;
	await until(async () => (await scene.sql`select from log_holes`).length > 0, {
		what: 'the server has noticed'
	});
}

// As a client sends it that counts, with and without the last handled id.
test.each([
	['beside another', (last: string) => `topics=a@0&topics=b@1:${last}`],
	['beside another, and does not say what it has handled', () => 'topics=a@0&topics=b@1'],
	['alone', (last: string) => `topics=b@1:${last}`]
])(
	'who has subscribed to a topic within the moments that a failover loses is told of the loss: %s',
	async (_, query) => {
		await scene.insert('a', 'a 1');
		await scene.insert('b', 'b 1', 'b 2');
		const client = scene.open('topics=a@0&client=x');
		await client.caughtUp();
		const kept = client.cursor;
		client.close();
		const added = scene.open('topics=a@0&topics=b@1&client=x', { lastEventID: kept });
		await added.caughtUp();
		await scene.insert('b', 'lost');
		await until(() => added.data('b').includes('lost'));
		const lost = added.cursor;
		added.close();
		await loseAfter(kept);
		await scene.insert('b', 'new');

		const again = scene.open(`${query(lost)}&client=x`, { lastEventID: lost });
		await until(() => again.data('b').includes('new'));
		const gaps = again.data('gap') as { topic: string; after: string; lost?: string }[];
		expect(gaps.filter(({ topic }) => topic === 'b')).toEqual([
			{ topic: 'b', after: kept, oldest: '2', lost }
		]);
		// A client that handled a lost event has handled every earlier event.
		if (query(lost).includes(':')) expect(again.data('b')).toEqual(['new']);
		expect(BigInt(again.cursor)).toBeGreaterThan(BigInt(lost));
	}
);
