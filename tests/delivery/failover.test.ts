/**
 * The database fails over to a replica, which may lack the last commits. Two real servers, and a proxy that switches between
 * them.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { migrate } from '../../drizzle/migrate.ts';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createRegistry } from '../../src/lib/protocol/index.ts';
import { readState, startAppServer } from '../support/app-server.ts';
import { ReturningClient } from '../support/returning-client.ts';
import { startServer, type PrivateServer } from '../support/private-server.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { startReplica, type Replica } from '../support/replica.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let primary: PrivateServer;
let replica: Replica;
let proxy: Proxy;
let scene: Scene;
/** The server that the proxy connects to. */
let target: PrivateServer;
const readers: ReturningClient[] = [];
const clients: Sql[] = [];

beforeEach(async () => {
	primary = target = await startServer({ fsync: 'off' }, { inMemory: true });
	await migrate(primary.url);
	replica = await startReplica(primary);
	proxy = await startProxy(() => target.port);
	const url = new URL(primary.url);
	url.port = String(proxy.port);
	scene = await openScene({}, { url: url.href });
});

afterEach(async () => {
	for (const reader of readers.splice(0)) reader.leave();
	for (const sql of clients.splice(0)) await sql.end();
	await scene.close();
	await proxy.close();
	await replica.remove();
	await primary.remove();
});

/** Opens a reader that reconnects whenever its stream ends, as every client does. */
function read(query = 'topics=a&client=x'): ReturningClient {
	const reader = new ReturningClient(scene.server.stream(query), scene.user.cookie);
	readers.push(reader);
	return reader;
}

/** Returns numbered texts. */
const some = (name: string, count: number) =>
	Array.from({ length: count }, (_, i) => `${name} ${i}`);

/** From now on, commits exist only on the primary. */
async function loseWhatFollows(): Promise<void> {
	await replica.caughtUp();
	replica.cutOff();
}

/**
 * Kills the primary and promotes the replica. The proxy then targets the replica, but refuses connections.
 *
 * @returns a client on the new primary, which is the first to write there
 */
async function failOver(): Promise<Sql> {
	proxy.refuse(true);
	proxy.cut();
	await primary.kill9();
	await replica.promote();
	target = replica;
	const sql = openClient(replica.url, { max: 1, name: 'first writer' });
	clients.push(sql);
	return sql;
}

const insert = (sql: Sql, texts: readonly string[]) =>
	texts.reduce<Promise<unknown>>(
		(before, text) =>
			before.then(() => sql`insert into events (topic, data) values ('a', ${sql.json(text)})`),
		Promise.resolve()
	);

describe('a failover to a replica that lacks the last events', () => {
	test('loses nothing that the new primary commits, and tells who has seen what was lost', async () => {
		await scene.insert('a', ...some('kept', 5));
		const away = read();
		const page = read('topics=a&client=page');
		const bare = read('topics=a');
		for (const reader of [away, page, bare]) await reader.has('kept 4');
		away.leave();
		await loseWhatFollows();
		await scene.insert('a', ...some('lost', 40));
		for (const reader of [page, bare]) await reader.has('lost 39');
		// A server-rendered state with the events that are about to be lost.
		const viewer = { id: scene.user.id, name: scene.user.name };
		const state = await readState(scene.server.app, viewer, ['a']);
		expect(state.events).toHaveLength(45);
		bare.leave();

		const sql = await failOver();
		await insert(sql, some('new', 100));
		proxy.refuse(false);
		const rendered = read(`topics=a&client=rendered&lastEventID=${state.cursor}`);
		bare.comeBack();
		await until(() => page.gaps().length > 0, { what: 'the loss is told', timeoutMs: 20_000 });
		away.comeBack();

		for (const reader of [away, page, bare, rendered]) {
			await reader.has('new 99');
			const texts = reader.texts();
			expect(texts.filter((text) => text.startsWith('new'))).toEqual(some('new', 100));
		}
		expect(away.texts()).toEqual([...some('kept', 5), ...some('new', 100)]);
		expect(away.gaps()).toEqual([]);
		for (const reader of [page, bare, rendered]) {
			// The gap comes before any later event. It may come more than once, because a connection may break off after it.
			expect(reader.gaps().length).toBeGreaterThanOrEqual(1);
			expect(reader.gaps()[0]).toMatchObject({ topic: 'a', after: '5', lost: '45' });
			expect(reader.texts().filter((text) => text.startsWith('kept')).length).toBe(
				reader === rendered ? 0 : 5
			);
		}
		// Streams that survived the failover, and new ones, are live.
		await insert(sql, ['live']);
		for (const reader of [away, page, bare, rendered]) await reader.has('live');
	});

	test('is told to a client that is ahead of its server, which was behind and has not seen what was lost', async () => {
		await scene.insert('a', ...some('kept', 5));
		const reader = read();
		await reader.has('kept 4');
		await loseWhatFollows();
		// This server hears nothing of the log from now on. Another one, or a page, has shown the events that follow.
		proxy.hold(0, (first) => first.includes('logline tailer'));
		await insert(scene.sql, some('lost', 3));
		const viewer = { id: scene.user.id, name: scene.user.name };
		const state = await readState(scene.server.app, viewer, ['a']);
		expect(state.cursor).toBe('8');
		const ahead = read(`topics=a&client=ahead&lastEventID=${state.cursor}`);
		await until(() => ahead.opened === 1, { what: 'it waits for its server' });
		const sql = await failOver();
		await insert(sql, ['new']);
		proxy.release();
		proxy.refuse(false);
		await ahead.has('new');
		expect(ahead.gaps()).toEqual([{ topic: 'a', after: '5', oldest: '1', lost: '8' }]);
		// Who had not received what was lost does not notice.
		await reader.has('new');
		expect([reader.gaps(), reader.opened]).toEqual([[], 1]);
	});

	test('is told where nobody has written since, and the cursor is put back', async () => {
		await scene.insert('a', 'kept');
		const reader = read();
		await reader.has('kept');
		await loseWhatFollows();
		await scene.insert('a', ...some('lost', 3));
		await reader.has('lost 2');
		await failOver();
		proxy.refuse(false);
		await until(() => reader.gaps().length > 0, { what: 'the loss is told', timeoutMs: 20_000 });
		expect(reader.gaps()[0]).toEqual({ topic: 'a', after: '1', oldest: '1', lost: '4' });
		await until(() => reader.cursor === '1');
		// Only one gap: the cursor is valid now.
		reader.comeBack();
		await scene.insert('a', 'new');
		await reader.has('new');
		expect(reader.gaps()).toHaveLength(1);
	});

	test('moves what was put into the outbox there, though the numbers of transactions begin again', async () => {
		await scene.insert('a', 'kept');
		const reader = read();
		await reader.has('kept');
		await loseWhatFollows();
		// The relay has seen these transactions. After the failover, their numbers are used again.
		for (const text of some('lost', 40)) {
			await scene.sql`insert into outbox (topic, data) values ('a', ${scene.sql.json(text)})`;
		}
		await reader.has('lost 39');
		const sql = await failOver();
		for (const text of some('new', 20)) {
			await sql`insert into outbox (topic, data) values ('a', ${sql.json(text)})`;
		}
		proxy.refuse(false);
		await reader.has('new 19');
		expect(reader.texts().filter((text) => text.startsWith('new'))).toEqual(some('new', 20));
		expect(reader.gaps().length).toBeGreaterThanOrEqual(1);
	});
});

test('a topic that was declared in the moments that a failover loses is declared again', async () => {
	await loseWhatFollows();
	const late = createRegistry([
		{ late: { schema: scene.server.app.logline.topics.get('a')!.schema } }
	]);
	const server = await startAppServer(scene.database.url, {}, late);
	try {
		const sql = await failOver();
		const declared = () => sql`select from topics where pattern = 'late'`;
		expect(await declared()).toHaveLength(0);
		proxy.refuse(false);
		await until(async () => (await declared()).length === 1, {
			what: 'it is declared',
			timeoutMs: 20_000
		});
	} finally {
		await server.stop();
	}
});

test('a failover that loses nothing is noticed by nobody', async () => {
	await scene.insert('a', ...some('kept', 5));
	const reader = read();
	await reader.has('kept 4');
	await replica.caughtUp();
	const sql = await failOver();
	await insert(sql, some('new', 5));
	proxy.refuse(false);
	await reader.has('new 4');
	expect(reader.texts()).toEqual([...some('kept', 5), ...some('new', 5)]);
	expect(reader.gaps()).toEqual([]);
	expect(reader.opened).toBe(1);
});

test('a replica that is not promoted yet is not taken for the log', async () => {
	await scene.insert('a', ...some('kept', 5));
	const reader = read();
	await reader.has('kept 4');
	await loseWhatFollows();
	await scene.insert('a', 'on its way');
	await reader.has('on its way');
	// The replica accepts queries, but lacks the last commits for a moment.
	target = replica;
	proxy.cut();
	await until(() => scene.server.app.health().database === 'down', {
		what: 'the log is known to be away',
		timeoutMs: 20_000
	});
	reader.comeBack();
	await until(() => reader.refused > 0, { what: 'a stream is refused' });
	target = primary;
	proxy.cut();
	await scene.insert('a', 'later');
	await reader.has('later');
	expect(reader.texts()).toEqual([...some('kept', 5), 'on its way', 'later']);
	expect(reader.gaps()).toEqual([]);
});
