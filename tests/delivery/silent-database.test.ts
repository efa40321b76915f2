import { afterEach, expect, test } from 'vitest';
import { openScene, type Scene } from '../support/scene.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { openClient } from '../../src/app/driver-client.ts';

let database: TestDatabase;
let proxy: Proxy;
let scene: Scene;
afterEach(async () => {
	await scene.close();
	await proxy.close();
	await database.drop();
});

test('clients are served again soon after every connection to the database has died without a word', async () => {
	database = await createTestDatabase();
	const direct = new URL(database.url);
	proxy = await startProxy(Number(direct.port));
	const url = new URL(database.url);
	url.hostname = '127.0.0.1';
	url.port = String(proxy.port);
	scene = await openScene({ maxConnectionsPerUser: 100 }, { url: url.href });
	// Many clients, so that every connection the server may open is open.
	const herd = Array.from({ length: 40 }, (_, i) => scene.open(`topics=a&client=herd${i}`));
	for (const client of herd) await client.caughtUp();
	proxy.halfOpen();
	// Each of these uses a dead connection. Together they must not take all connections out of service.
	const unlucky = Array.from({ length: 20 }, (_, i) => scene.open(`topics=a&client=unlucky${i}`));
	const sql = openClient(database.url, { max: 1, name: 'test sql' });
	await sql`insert into events (topic, data) values ('a', '"afterwards"')`;
	await sql.end();
	for (const client of herd) {
		await client.arrived('a', 20_000);
		expect(client.data('a')).toEqual(['afterwards']);
	}
	const late = scene.open('topics=a&client=late');
	await late.caughtUp(20_000);
	expect(late.data('a')).toEqual(['afterwards']);
	for (const client of unlucky) client.close();
});
