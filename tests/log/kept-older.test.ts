/**
 * A topic is trimmed, but older events of it are kept: each user's newest few, or an import of young events with small ids.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRegistry } from '../../src/lib/protocol/index.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { trimLog } from '../../src/lib/server/log/retention/retention.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let scene: Scene;
beforeEach(async () => (scene = await openScene()));
afterEach(() => scene.close());

/** Keeps one event of topic a for each user, and one for everyone. */
async function trim(): Promise<void> {
	const schema = {
		'~standard': { version: 1 as const, vendor: 'test', validate: (value: unknown) => ({ value }) }
	};
	const registry = createRegistry([{ a: { schema, retention: { lastPerUser: 1 } } }]);
	const connection = new SoleConnection(scene.database.url, { name: 'test retention' });
	await until(async () => (await trimLog(connection, registry)) !== null);
	await connection.end();
}

// A client treats a gap whose oldest event is at or below its cursor as a gap of another log, and handles everything again.
test.each([
	['something follows', 1],
	['nothing of it follows', 0]
])(
	'a gap after a trim is not taken for another log, though older events of the viewer are kept: %s',
	async (_, kept) => {
		await scene.sql`
			insert into events (topic, user_id, data) values ('a', ${scene.user.id}, '"own"')`;
		await scene.insert('a', 1);
		const client = scene.open('topics=a&topics=b&client=x');
		await client.caughtUp();
		client.close();
		await scene.insert('a', 2, 3);
		await trim();
		if (!kept) await scene.sql`delete from events where topic = 'a' and user_id is null`;
		const server = await scene.addServer();
		const again = scene.open('topics=a&topics=b&client=x', { lastEventID: client.cursor, server });
		await again.caughtUp();
		const [gap, ...more] = again.data('gap') as { after: string; oldest: string }[];
		expect(more).toEqual([]);
		expect(gap!.after).toBe(client.cursor);
		expect(BigInt(gap!.oldest)).toBeGreaterThan(BigInt(gap!.after));
		expect(again.data('a')).toEqual(kept ? [3] : []);
	}
);
