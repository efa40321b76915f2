import { readState } from '../support/app-server.ts';
/**
 * The newest event is deleted, by hand or by retention. The server still knows that its id was issued, and no client is set
 * back.
 */
import { afterEach, expect, test } from 'vitest';
import { trimLog } from '../../src/lib/server/log/retention/retention.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { createRegistry } from '../../src/lib/protocol/index.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let scene: Scene;
afterEach(() => scene.close());

/** Deletes the newest event, as a user of psql would. */
const deleteNewest = () => scene.sql`delete from events where id = (select max(id) from events)`;

/** Resolves when the server has looked at the log after this call. */
async function looked(): Promise<void> {
	const { app } = scene.server;
	const since = Date.now();
	await until(() => Date.now() - app.health().lagMs > since, { what: 'the log was looked at' });
}

test('deleting the newest event ends no stream, and what follows arrives', async () => {
	scene = await openScene();
	await scene.insert('a', 1, 2, 3);
	const client = scene.open('topics=a&client=x');
	await client.caughtUp();
	await deleteNewest();
	await looked();
	await looked();
	expect(client.ended).toBe(false);
	await scene.insert('a', 4);
	await until(() => client.data('a').includes(4));
	expect(client.data('a')).toEqual([1, 2, 3, 4]);
	expect(client.of('gap')).toEqual([]);
});

test('who has seen an event that was deleted comes back with its id, and is told no gap and sent nothing again', async () => {
	scene = await openScene();
	await scene.insert('a', 1, 2, 3);
	const client = scene.open('topics=a&client=x');
	await client.caughtUp();
	client.close();
	await deleteNewest();
	await looked();
	const again = scene.open('topics=a&client=x', { lastEventID: client.cursor });
	await again.caughtUp();
	await scene.insert('a', 4);
	await until(() => again.data('a').includes(4));
	expect(again.data('a')).toEqual([4]);
	expect(again.of('gap')).toEqual([]);
});

test('a server that starts after the newest event was deleted serves who has seen it, without waiting for another event', async () => {
	scene = await openScene();
	await scene.insert('a', 1, 2, 3);
	const client = scene.open('topics=a&client=x');
	await client.caughtUp();
	client.close();
	await deleteNewest();
	const server = await scene.addServer();
	const again = scene.open('topics=a&client=x', { server, lastEventID: client.cursor });
	const { id } = await again.caughtUp();
	// Not set back: a subscription that begins at the deleted event would be new for a smaller cursor.
	expect(BigInt(id)).toBeGreaterThanOrEqual(BigInt(client.cursor));
	await scene.insert('a', 4);
	await until(() => again.data('a').includes(4));
	expect(again.data('a')).toEqual([4]);
	expect(again.of('gap')).toEqual([]);
});

test('a quiet stream keeps its cursor when the newest event is gone', async () => {
	scene = await openScene({ keepAliveMs: 100 });
	await scene.insert('a', 1, 2, 3);
	const client = scene.open('topics=a&client=x');
	await client.caughtUp();
	client.close();
	await deleteNewest();
	const server = await scene.addServer();
	const again = scene.open('topics=a&client=x', { server, lastEventID: client.cursor });
	await again.caughtUp();
	await again.arrived('keep-alive');
	expect(BigInt(again.cursor)).toBeGreaterThanOrEqual(BigInt(client.cursor));
});

test('a log whose every event has had its time ends no stream, and its clients go on', async () => {
	scene = await openScene();
	await scene.insert('a', 1, 2, 3);
	const client = scene.open('topics=a&client=x');
	await client.caughtUp();
	const retention = new SoleConnection(scene.database.url, { name: 'test retention' });
	const registry = createRegistry([{ a: { schema: anything, retention: { seconds: 0 } } }]);
	expect(await trimLog(retention, registry)).toBe(3);
	await retention.end();
	await looked();
	await looked();
	expect(client.ended).toBe(false);
	client.close();
	const server = await scene.addServer();
	const again = scene.open('topics=a&client=x', { server, lastEventID: client.cursor });
	await again.caughtUp();
	await scene.insert('a', 4);
	await until(() => again.data('a').includes(4));
	expect(again.data('a')).toEqual([4]);
	expect(again.of('gap')).toEqual([]);
});

test('a page that is rendered after the newest event was deleted goes on without a gap', async () => {
	scene = await openScene();
	await scene.insert('a', 1, 2, 3);
	await deleteNewest();
	const viewer = { id: scene.user.id, name: scene.user.name };
	const server = await scene.addServer();
	const page = await readState(server.app, viewer, ['a']);
	const client = scene.open('topics=a&client=page', { server, lastEventID: page.cursor });
	await client.caughtUp();
	await scene.insert('a', 4);
	await until(() => client.data('a').includes(4));
	expect(page.events.map(({ data }) => data)).toEqual([1, 2]);
	expect(client.data('a')).toEqual([4]);
	expect(client.of('gap')).toEqual([]);
});

const anything = {
	'~standard': { version: 1 as const, vendor: 'test', validate: (value: unknown) => ({ value }) }
};

test('a stream whose grant its server has not seen comes back after a failover, which may have lost the grant', async () => {
	scene = await openScene();
	await scene.insert('a', 1);
	const { logline } = scene.server.app;
	await logline.grant('rooms/1', scene.user.id);
	expect(await logline.settle(scene.user.id)).toBe(true);
	await deleteNewest();
	const server = await scene.addServer();
	const client = scene.open('topics=a&topics=rooms/1/messages', { server });
	await client.caughtUp();
	const level: boolean[] = [];
	const { connections } = server.app.logline.parts.streams;
	// What a server does when the log has moved: streams that know more than the server has seen are ended.
	connections.endAll(({ isLevel }) => {
		level.push(isLevel);
		return !isLevel;
	});
	expect(level).toEqual([false]);
	await until(() => client.ended, { what: 'the stream is ended' });
});
