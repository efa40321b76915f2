/** Topics of which a new client gets the last events only. */
import { afterEach, expect, test } from 'vitest';
import { lockWaits } from '../support/lock-waits.ts';
import { numbers } from '../support/numbers.ts';
import { startProxy } from '../support/proxy.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let scene: Scene;
afterEach(() => scene.close());

test('a topic with a replay window begins with its last events', async () => {
	scene = await openScene();
	await scene.insert('recent', ...numbers(10));
	const client = scene.open('topics=recent');
	await client.caughtUp();
	expect(client.data('recent')).toEqual([8, 9, 10]);
	client.close();
	// All missed events are owed, whatever the replay window.
	await scene.insert('recent', 11, 12, 13, 14, 15);
	const again = scene.open('topics=recent', { lastEventID: client.cursor });
	await again.caughtUp();
	expect(again.data('recent')).toEqual([11, 12, 13, 14, 15]);
});

test('a replay window is the one of the moment when the server reads the request, however long that was under way', async () => {
	scene = await openScene();
	await scene.insert('recent', 1, 2, 3);
	const client = await scene.sql.begin(async (sql) => {
		await sql`lock table topic_subscriptions`;
		const asking = scene.open('topics=recent');
		await until(() => lockWaits(sql, 'topic_subscriptions', 'AccessShareLock'), {
			what: 'the request waits'
		});
		await scene.insert('recent', 4, 5, 6, 7, 8);
		return asking;
	});
	await client.caughtUp();
	expect(client.data('recent')).toEqual([6, 7, 8]);
});

test('a replay window whose first catch-up breaks off, at any byte, is not forgotten, and nothing that came since is lost', async () => {
	scene = await openScene({ maxConnectionsPerUser: 1000 });
	await scene.insert('a', 1, 2, 3);
	const recent = numbers(20);
	await scene.insert('recent', ...recent);
	await scene.insert('a', 4);
	const proxy = await startProxy(scene.server.port);
	const at = {
		...scene.server,
		stream: (query: string) => `http://127.0.0.1:${proxy.port}/?${query}`
	};
	try {
		let complete = false;
		for (let cut = 1; !complete; cut += 13) {
			const query = `topics=a&topics=recent&client=cut${cut}`;
			const owed = recent.slice(-3);
			proxy.cutAfter(cut);
			const first = scene.open(query, { server: at });
			await until(() => first.ended || first.of('caught-up').length > 0);
			complete = !first.ended;
			first.close();
			proxy.cutAfter(Infinity);
			recent.push(recent.length + 1);
			await scene.insert('recent', recent.length);
			const again = scene.open(query, { lastEventID: first.cursor });
			await again.caughtUp();
			const seen = new Set([...first.data('recent'), ...again.data('recent')]);
			// A client that received no id begins anew.
			const begun = first.cursor === '' ? recent.slice(-3) : [...owed, recent.length];
			expect([...seen].sort((x, y) => Number(x) - Number(y))).toEqual(
				expect.arrayContaining(begun)
			);
			expect(seen.size).toBe(begun.length);
			again.close();
		}
	} finally {
		await proxy.close();
	}
});
