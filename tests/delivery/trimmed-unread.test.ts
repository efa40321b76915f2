/**
 * Retention deletes events that a server has not read yet: its connection to the database was down, and another server
 * trimmed.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRegistry } from '../../src/lib/protocol/index.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { trimLog } from '../../src/lib/server/log/retention/retention.ts';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let proxy: Proxy;
let scene: Scene;
/** A direct connection, not through the proxy. */
let sql: Sql;

beforeEach(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 1, name: 'test direct' });
	proxy = await startProxy(Number(new URL(database.url).port));
	const url = new URL(database.url);
	url.hostname = '127.0.0.1';
	url.port = String(proxy.port);
	scene = await openScene({}, { url: url.href });
	await scene.insert('a', 'a 1');
	await scene.insert('b', 'b 1');
});

afterEach(async () => {
	proxy.refuse(false);
	await scene.close();
	await proxy.close();
	await sql.end();
	await database.drop();
});

const insert = (topic: string, text: string) =>
	sql`insert into events (topic, data) values (${topic}, ${sql.json(text)})`;

/** Deletes all events of topic a. */
async function trim(): Promise<void> {
	const schema = {
		'~standard': { version: 1 as const, vendor: 'test', validate: (value: unknown) => ({ value }) }
	};
	const registry = createRegistry([{ a: { schema, retention: { seconds: 0 } } }]);
	const connection = new SoleConnection(database.url, { name: 'test retention' });
	await trimLog(connection, registry);
	await connection.end();
}

test('a client that is live is told when something was trimmed before its server could read it, and gets what follows', async () => {
	const client = scene.open('topics=a&topics=b&client=x');
	const other = scene.open('topics=b&client=y');
	await Promise.all([client.caughtUp(), other.caughtUp()]);
	proxy.refuse(true);
	proxy.cut();
	await insert('a', 'trimmed unread');
	await trim();
	await insert('a', 'a 2');
	await insert('b', 'b 2');
	proxy.refuse(false);
	await until(() => other.data('b').includes('b 2'), { timeoutMs: 20_000 });
	await until(() => client.data('b').includes('b 2'), { timeoutMs: 20_000 });
	expect(client.data('a')).toEqual(['a 1', 'a 2']);
	expect(client.data('b')).toEqual(['b 1', 'b 2']);
	expect(client.data('gap')).toEqual([{ topic: 'a', after: '2', oldest: '4' }]);
	// The gap comes before later events, and only this client gets it.
	expect(client.received.findIndex(({ event }) => event === 'gap')).toBeLessThan(
		client.received.findIndex(({ data }) => data === 'a 2')
	);
	expect(other.of('gap')).toEqual([]);
	await insert('a', 'a 3');
	await until(() => client.data('a').includes('a 3'));
	expect(client.data('a')).toEqual(['a 1', 'a 2', 'a 3']);
	expect(client.of('gap')).toHaveLength(1);
});

test('a client that comes back to such a server is told, too', async () => {
	const client = scene.open('topics=a&client=x');
	await client.caughtUp();
	client.close();
	proxy.refuse(true);
	proxy.cut();
	await insert('a', 'trimmed unread');
	await trim();
	await insert('b', 'b 2');
	proxy.refuse(false);
	const { app } = scene.server;
	await until(() => app.health().head === '4', { timeoutMs: 20_000 });
	const again = scene.open('topics=a&client=x', { lastEventID: client.cursor });
	await again.caughtUp();
	expect(again.data('gap')).toEqual([{ topic: 'a', after: client.cursor, oldest: null }]);
	await insert('a', 'a 2');
	await until(() => again.data('a').includes('a 2'));
	expect(again.of('gap')).toHaveLength(1);
});
