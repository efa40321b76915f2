import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { forgetClients } from '../../src/lib/server/streams/subscriptions.ts';
import { createSession, createUser } from '../support/app-server.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

let scene: Scene;
/** A scene that several tests share. The others have their own. */
let shared: Scene | null = null;
afterEach(async () => {
	if (scene !== shared) await scene.close();
});

async function refused(query: string, headers: Record<string, string> = {}) {
	const client = new StreamClient(scene.server.stream(query), {
		headers: { cookie: scene.user.cookie, ...headers }
	});
	await until(() => client.ended, { what: `"${query}" is refused` });
	const { error } = JSON.parse(client.body) as { error: { code: string; message: string } };
	return { status: client.status, code: error.code, retryAfter: client.headers['retry-after'] };
}

describe('a request that cannot be served is told why', () => {
	beforeAll(async () => (scene = shared = await openScene({ maxTopics: 2 })));
	afterAll(() => shared!.close());

	test.each([
		['', 400, 'invalid_topics'],
		['topics=', 400, 'invalid_topics'],
		['topics=nonsense', 400, 'invalid_topics'],
		['topics=a,b', 400, 'invalid_topics'],
		['topics=caught-up', 400, 'invalid_topics'],
		['topics=a@x', 400, 'invalid_topics'],
		['topics=a@99999999999', 400, 'invalid_topics'],
		['topics=a@1&topics=a@2', 400, 'invalid_topics'],
		['topics=a@1:x', 400, 'invalid_topics'],
		['topics=a:1', 400, 'invalid_topics'],
		['topics=rooms/*/messages@1:3', 400, 'invalid_topics'],
		['topics=a@1:9223372036854775808', 400, 'invalid_topics'],
		['topics=a&topics=b&topics=c', 400, 'too_many_topics'],
		['topics=a&lastEventID=x', 400, 'invalid_cursor'],
		['topics=a&lastEventID=-1', 400, 'invalid_cursor'],
		['topics=a&lastEventID=9223372036854775808', 400, 'invalid_cursor'],
		['topics=a&lastEventID=1e3', 400, 'invalid_cursor'],
		['topics=a&lastEventId=1e3', 400, 'invalid_cursor'],
		['topics=a&log=x', 400, 'invalid_cursor'],
		['topics=a&client=%20', 400, 'invalid_client'],
		[`topics=a&client=${'x'.repeat(65)}`, 400, 'invalid_client'],
		['topics=a&user=', 400, 'invalid_client'],
		[`topics=a&user=${'x'.repeat(201)}`, 400, 'invalid_client'],
		['topics=staff', 403, 'forbidden_topic']
	])('%s', async (query, status, code) => {
		expect(await refused(query)).toMatchObject({ status, code });
		expect(await scene.sql`select 1 from topic_subscriptions`).toHaveLength(0);
		expect(scene.server.app.logline.parts.streams.connections.size).toBe(0);
	});

	test('a header that is not a cursor, also when the query has one', async () => {
		const answer = await refused('topics=a&lastEventID=1', { 'last-event-id': 'abc' });
		expect(answer).toMatchObject({ status: 400, code: 'invalid_cursor' });
	});

	test('without a session, or with one that is over', async () => {
		expect(await refused('topics=a', { cookie: '' })).toMatchObject({ status: 401 });
		expect(await refused('topics=a', { cookie: 'auth_session=wrong' })).toMatchObject({
			status: 401,
			code: 'unauthorized'
		});
		await scene.sql`update sessions set expires_at = now() - interval '1 second'`;
		expect(await refused('topics=a')).toMatchObject({ status: 401 });
	});
});

test('a user has as many streams as allowed, and a client that comes back replaces its own', async () => {
	scene = await openScene({ maxConnectionsPerUser: 2 });
	const one = scene.open('topics=a&client=one');
	const two = scene.open('topics=a&client=two');
	await one.caughtUp();
	await two.caughtUp();
	expect(await refused('topics=a&client=three')).toMatchObject({
		status: 429,
		code: 'too_many_connections',
		retryAfter: '10'
	});
	const again = scene.open('topics=a&client=one', { lastEventID: one.cursor });
	await again.caughtUp();
	await until(() => one.ended);
	expect(two.ended).toBe(false);
});

test('at its maximum age a stream says so and ends, and the next one goes on after its cursor', async () => {
	scene = await openScene({ maxAgeMs: 300, keepAliveMs: 80 });
	const client = scene.open('topics=a&client=x');
	await client.arrived('timeout');
	await until(() => client.ended);
	await scene.insert('a', 1);
	const next = scene.open('topics=a&client=x', { lastEventID: client.cursor });
	await next.arrived('a');
	expect(next.data('a')).toEqual([1]);
});

test('a stream whose session runs out ends; one whose session is prolonged goes on', async () => {
	scene = await openScene({ keepAliveMs: 80 });
	await scene.sql`update sessions set expires_at = now() + interval '500 milliseconds'`;
	const first = scene.open('topics=a&client=first');
	await first.caughtUp();
	await first.arrived('signed-out');
	await scene.sql`update sessions set expires_at = now() + interval '500 milliseconds'`;
	const second = scene.open('topics=a&client=second');
	await second.caughtUp();
	await scene.sql`update sessions set expires_at = now() + interval '1 hour'`;
	await until(() => second.of('keep-alive').length >= 12);
	expect(second.ended).toBe(false);
});

test('while it drains, a server ends its streams, spreads their return, and refuses new ones', async () => {
	scene = await openScene();
	const other = await scene.addServer();
	const client = scene.open('topics=a&client=x');
	await client.caughtUp();
	const queued = scene.server.app.logline.append(
		Array.from({ length: 100 }, (_, i) => ({ topic: 'a', data: i }))
	);
	const stopped = scene.server.app.stop();
	expect(await refused('topics=a')).toMatchObject({ status: 503, code: 'draining' });
	await until(() => client.ended);
	await stopped;
	await queued;
	const next = scene.open('topics=a&client=x', { lastEventID: client.cursor, server: other });
	await next.caughtUp();
	const ids = [...client.of('a'), ...next.of('a')].map((event) => event.data);
	expect(ids).toEqual(Array.from({ length: 100 }, (_, i) => i));
});

describe('a user who opens streams without end', () => {
	/** Opens streams one after the other. Each is closed after its response. */
	async function flood(count: number, query: (i: number) => string): Promise<number[]> {
		const answers: number[] = [];
		for (let i = 0; i < count; i++) {
			const client = scene.open(query(i));
			await until(() => client.status !== 0, { everyMs: 1 });
			answers.push(client.status);
			client.close();
			const { connections } = scene.server.app.logline.parts.streams;
			await until(() => connections.size === 0, { everyMs: 1 });
		}
		return answers;
	}

	const rows = async () => {
		const [row] = await scene.sql`
			select count(*)::int as n, count(distinct client_id)::int as clients from topic_subscriptions`;
		return row as { n: number; clients: number };
	};

	test('is told to wait, while others open theirs', async () => {
		scene = await openScene();
		const answers = await flood(90, (i) => `topics=a&client=c${i}`);
		// The limit of a minute, plus what was allowed again since then.
		expect(answers.slice(0, 60)).toEqual(Array(60).fill(200));
		expect(answers).toContain(429);
		const client = scene.open('topics=a&client=more');
		await until(() => client.status !== 0);
		if (client.status === 429) expect(Number(client.headers['retry-after'])).toBeGreaterThan(0);
		const other = await createUser(scene.database.url);
		const theirs = new StreamClient(scene.server.stream('topics=a'), { cookie: other.cookie });
		await theirs.caughtUp();
		theirs.close();
	});

	test('with ever new names leaves no more than the last hundred clients', async () => {
		scene = await openScene({ maxConnectionsPerUser: 20 });
		await flood(115, (i) => `topics=a&topics=b&client=c${i}`);
		expect((await rows()).clients).toBeLessThanOrEqual(100);
		expect((await rows()).clients).toBeGreaterThan(90);
	});

	test('with a count that goes down, or up, leaves one row per topic', async () => {
		scene = await openScene();
		await flood(50, (i) => `topics=a@${i % 2 ? 100 - i : 100 + i}&client=x&lastEventID=0`);
		expect(await rows()).toEqual({ n: 1, clients: 1 });
	});
});

describe('a client that the server has forgotten', () => {
	async function forgotten(topics: string): Promise<string> {
		scene = await openScene();
		await scene.insert('a', 1);
		await scene.insert('b', 2);
		const client = scene.open(`${topics}&client=x`);
		await client.caughtUp();
		client.close();
		await scene.sql`update topic_subscriptions set seen_at = now() - interval '31 days'`;
		expect(await forgetClients(scene.server.app.database.background)).toBe(1);
		expect(await scene.sql`select 1 from topic_subscriptions`).toHaveLength(0);
		await scene.insert('a', 3);
		return client.cursor;
	}

	test('misses nothing of a topic that it adds as it comes back, when it does not count', async () => {
		const cursor = await forgotten('topics=a');
		const client = scene.open('topics=a&topics=b&client=x', { lastEventID: cursor });
		await client.caughtUp();
		expect(client.data('b')).toEqual([2]);
		expect(client.data('a')).toEqual([1, 3]);
	});

	test('is sent only what it missed, when it counts', async () => {
		const cursor = await forgotten('topics=a@0');
		const client = scene.open('topics=a@0&client=x', { lastEventID: cursor });
		await client.caughtUp();
		expect(client.data('a')).toEqual([3]);
	});
});

test('what is stored about a session is deleted soon after its end, and at last when nobody heard of the end', async () => {
	scene = await openScene();
	const [mine, other] = [scene.user, await createSession(scene.database.url, scene.user.id)];
	for (const { cookie } of [mine, other]) {
		const client = new StreamClient(scene.server.stream('topics=a&topics=b&client=x'), { cookie });
		await client.caughtUp();
		client.close();
	}
	await scene.sql`insert into forgotten_clients select distinct session_id from topic_subscriptions`;
	const left = async () =>
		(
			await scene.sql<{ id: string }[]>`
				select session_id as id from topic_subscriptions union all select session_id from forgotten_clients`
		).map(({ id }) => id);
	expect(await left()).toHaveLength(6);
	await scene.sql`delete from sessions where id = ${mine.sessionID}`;
	await until(async () => (await left()).length === 3);
	expect(await left()).not.toContain(mine.sessionID);

	await scene.sql`update topic_subscriptions set seen_at = now() - interval '31 days'`;
	await scene.sql`update forgotten_clients set since = now() - interval '399 days'`;
	await forgetClients(scene.server.app.database.background);
	expect(await left()).toEqual([other.sessionID]);
	// A client was forgotten again, so the row is kept for another 400 days.
	expect(
		await scene.sql`select from forgotten_clients where since > now() - interval '1 hour'`
	).toHaveLength(1);
	await scene.sql`update forgotten_clients set since = now() - interval '401 days'`;
	await forgetClients(scene.server.app.database.background);
	expect(await left()).toEqual([]);
});
