/** Each server reads the log at its own speed: a client may know more of the log than the server it connects to. */
import { afterEach, expect, test, vi } from 'vitest';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';
import { addLateServer } from './held-tailer.ts';

let scene: Scene;
afterEach(async () => {
	vi.restoreAllMocks();
	await scene.close();
});

test('who comes to a server that has not read so far is not set back, and is sent nothing again', async () => {
	scene = await openScene();
	const { server, release } = await addLateServer(scene);
	const client = scene.open('topics=a&client=x');
	await client.caughtUp();
	for (const n of [1, 2, 3])
		await scene.sql`insert into events (topic, data) values ('a', ${scene.sql.json(n)})`;
	await until(() => client.data('a').length === 3);
	client.close();

	const again = scene.open('topics=a&client=x', { server, lastEventID: client.cursor });
	await until(() => server.app.logline.parts.streams.connections.size === 1, {
		what: 'the late server has it'
	});
	expect(BigInt(server.app.health().head)).toBeLessThan(BigInt(client.cursor));
	release();
	const { id } = await again.caughtUp();
	expect(BigInt(id)).toBeGreaterThanOrEqual(BigInt(client.cursor));
	await scene.insert('a', 4);
	await until(() => again.data('a').includes(4));
	expect(again.data('a')).toEqual([4]);
});

test('an event whose id was given before a server started, and that was committed after, arrives there', async () => {
	scene = await openScene();
	await scene.insert('a', 1);
	const live = await scene.sql.begin(async (tx) => {
		await tx`insert into events (topic, data) values ('a', '2')`;
		const stream = scene.open('topics=a&client=x', { server: await scene.addServer() });
		await stream.caughtUp();
		expect(stream.data('a')).toEqual([1]);
		return { stream };
	});
	await until(() => live.stream.data('a').length === 2, { what: 'it has arrived' });
	expect(live.stream.data('a')).toEqual([1, 2]);
});
