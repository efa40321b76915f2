import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SSEBody } from '../../src/lib/server/sse/body.ts';
import { numbers } from '../support/numbers.ts';
import { openScene, type Scene } from '../support/scene.ts';
import type { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

let scene: Scene;
afterEach(() => scene.close());

/** Inserts `count` events of about `bytes` each in one statement. */
async function insertMany(topic: string, count: number, bytes: number): Promise<void> {
	await scene.sql`
		insert into events (topic, data)
		select ${topic}, jsonb_build_object('n', i, 'pad', repeat('x', ${bytes}::int)) from generate_series(1, ${count}::int) i`;
}

/** Watches every stream of this process. */
function watchBacklog(): {
	/** Returns the most unsent bytes of one stream. */
	most(): number;
	/** Returns true when no open stream sends bytes any more, although some are unsent. */
	stuck(): boolean;
	stop(): void;
} {
	let most = 0;
	const seen = new Set<SSEBody>();
	const write = SSEBody.prototype.write;
	const spy = vi.spyOn(SSEBody.prototype, 'write').mockImplementation(function (
		this: SSEBody,
		chunk
	) {
		seen.add(this);
		write.call(this, chunk);
		most = Math.max(most, this.backlog);
	});
	const isStuck = (stream: SSEBody) =>
		stream.backlog > 0 && performance.now() - stream.progressAt > 300;
	return {
		most: () => most,
		stuck: () => [...seen].filter((stream) => !stream.ended).every(isStuck),
		stop: () => spy.mockRestore()
	};
}

const received = (client: { data(topic: string): unknown[] }, topic: string) =>
	client.data(topic).map((data) => (data as { n: number }).n);

test('a client that stops reading during a replay costs little memory, delays nobody, and gets everything when it reads again', async () => {
	scene = await openScene({ bufferBytes: 65_536 });
	await insertMany('a', 20_000, 2000);
	// The window in memory fills as the events arrive. The client does not cause this.
	await until(() => scene.server.app.health().head === '20000');
	const slow = scene.open('topics=a&client=slow');
	await slow.arrived('a');
	slow.pause();
	const before = process.memoryUsage().rss;
	const other = scene.open('topics=b&client=other');
	await other.caughtUp();
	for (let i = 1; i <= 20; i++) {
		await scene.insert('b', i);
		await until(() => other.data('b').length === i, { timeoutMs: 2000 });
	}
	expect(process.memoryUsage().rss - before).toBeLessThan(32 * 1_048_576);
	slow.resume();
	await slow.caughtUp(60_000);
	expect(received(slow, 'a')).toEqual(numbers(20_000));
});

test('a live client that stops reading goes back to the log, and gets each event once, in order', async () => {
	scene = await openScene({ bufferBytes: 65_536 });
	const slow = scene.open('topics=a&client=slow');
	await slow.caughtUp();
	slow.pause();
	for (let i = 0; i < 20; i++) {
		await scene.sql`
			insert into events (topic, data)
			select 'a', jsonb_build_object('n', ${i * 1000}::int + i, 'pad', repeat('x', 1000)) from generate_series(1, 1000) i`;
	}
	await until(() => scene.server.app.health().head === '20000');
	expect(scene.server.app.logline.parts.streams.connections.size).toBe(1);
	slow.resume();
	await until(() => slow.data('a').length >= 20_000, { timeoutMs: 30_000 });
	expect(received(slow, 'a')).toEqual(numbers(20_000));
	await scene.insert('a', { n: 20_001 });
	await until(() => slow.data('a').length === 20_001);
});

test('a client that stops reading is held no more than its buffer, a page and a batch of the log', async () => {
	scene = await openScene({ bufferBytes: 65_536 });
	const backlog = watchBacklog();
	try {
		await insertMany('a', 20_000, 1000);
		await until(() => scene.server.app.health().head === '20000');
		const replaying = scene.open('topics=a&client=replaying');
		const live = scene.open('topics=b&client=live');
		await live.caughtUp();
		await replaying.arrived('a');
		for (const client of [replaying, live]) client.pause();
		for (let i = 0; i < 20; i++) await insertMany('b', 1000, 1000);
		await until(() => scene.server.app.health().head === '40000');
		replaying.resume();
		live.resume();
		await replaying.caughtUp(30_000);
		await until(() => live.data('b').length === 20_000, { timeoutMs: 30_000 });
		// A batch has at most a thousand events, each about 1100 bytes on the wire.
		expect(backlog.most()).toBeGreaterThan(65_536);
		expect(backlog.most()).toBeLessThan(65_536 + 2 * 131_072 + 1_200_000);
	} finally {
		backlog.stop();
	}
});

test('what is appended while a client catches up follows what it has missed, once and in order', async () => {
	scene = await openScene({ bufferBytes: 65_536 });
	await insertMany('a', 20_000, 1000);
	await until(() => scene.server.app.health().head === '20000');
	const client = scene.open('topics=a&client=x');
	await client.arrived('a');
	client.pause();
	for (let n = 20_001; n <= 20_050; n++) await scene.insert('a', { n });
	expect(client.of('caught-up')).toHaveLength(0);
	client.resume();
	await client.caughtUp(30_000);
	for (let n = 20_051; n <= 20_060; n++) await scene.insert('a', { n });
	await until(() => client.data('a').length >= 20_060);
	expect(received(client, 'a')).toEqual(numbers(20_060));
});

describe('a client that takes nothing', () => {
	let backlog: ReturnType<typeof watchBacklog>;
	beforeEach(() => (backlog = watchBacklog()));
	afterEach(() => backlog.stop());

	/** Opens a stream and reads only its beginning. More data follows than all buffers on the way can take. */
	async function stuck(client: string): Promise<StreamClient> {
		const stream = scene.open(`topics=a&client=${client}`);
		await stream.arrived('a');
		stream.pause();
		await until(() => backlog.stuck(), { what: 'the socket takes no more' });
		return stream;
	}

	test('for too long is disconnected', async () => {
		scene = await openScene({ bufferBytes: 4096, keepAliveMs: 100, stallMs: 1500 });
		await insertMany('a', 20_000, 1000);
		await until(() => scene.server.app.health().head === '20000');
		await stuck('stuck');
		expect(await scene.server.sockets()).toBe(1);
		await until(async () => (await scene.server.sockets()) === 0, {
			what: 'its socket is closed',
			timeoutMs: 4000
		});
		expect(scene.server.app.logline.parts.streams.connections.size).toBe(0);
	});

	test('and comes back again and again has no more sockets than it may have streams', async () => {
		scene = await openScene({ bufferBytes: 4096, maxConnectionsPerUser: 2 });
		await insertMany('a', 20_000, 1000);
		await until(() => scene.server.app.health().head === '20000');
		for (let i = 0; i < 4; i++) {
			await stuck('one');
			await stuck('two');
			await until(async () => (await scene.server.sockets()) <= 2, { timeoutMs: 2000 });
		}
		expect(scene.server.app.logline.parts.streams.connections.size).toBe(2);
	});

	test.each([
		['its session ends', () => scene.sql`delete from sessions`],
		['the log is another one', () => scene.sql`update log_state set epoch = gen_random_uuid()`]
	])('is disconnected soon when %s, and counts until then', async (_, end) => {
		scene = await openScene({ bufferBytes: 4096 });
		await insertMany('a', 20_000, 1000);
		await until(() => scene.server.app.health().head === '20000');
		await stuck('stuck');
		await end();
		const { connections } = scene.server.app.logline.parts.streams;
		await until(() => connections.size === 0);
		expect(await scene.server.sockets()).toBe(0);
	});

	test('does not keep a server from stopping', async () => {
		scene = await openScene({ bufferBytes: 4096, shutdownGraceMs: 1000 });
		await insertMany('a', 20_000, 1000);
		await until(() => scene.server.app.health().head === '20000');
		await stuck('stuck');
		await scene.server.app.stop();
		await until(async () => (await scene.server.sockets()) === 0, { timeoutMs: 2000 });
	});
});

test('a stream whose buffer is full is sent no keep-alives', async () => {
	scene = await openScene({ bufferBytes: 4096, keepAliveMs: 80, stallMs: 60_000 });
	const backlog = watchBacklog();
	try {
		const stuck = scene.open('topics=a&client=stuck');
		const other = scene.open('topics=b&client=other');
		await Promise.all([stuck.caughtUp(), other.caughtUp()]);
		stuck.pause();
		await insertMany('a', 20_000, 1000);
		await until(() => scene.server.app.health().head === '20000');
		const full = backlog.most();
		expect(full).toBeGreaterThan(4096);
		const before = other.of('keep-alive').length;
		await until(() => other.of('keep-alive').length >= before + 10);
		expect(backlog.most()).toBe(full);
	} finally {
		backlog.stop();
	}
});
