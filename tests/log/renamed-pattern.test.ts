/** A version of an application gives a parameter of a pattern another name. The topics are the same. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRegistry, type TopicDefinition } from '../../src/lib/protocol/index.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { checkEvents } from '../../src/lib/server/log/check-events.ts';
import { declareTopics, renewDeclarations } from '../../src/lib/server/log/declarations.ts';
import { readKnownTopics } from '../../src/lib/server/log/known-topics.ts';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createUser, startAppServer, type AppServer } from '../support/app-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { left, trimOn } from '../support/retention.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

const anything: TopicDefinition['schema'] = {
	'~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) }
};

/** @param name of the parameters */
const declare = (name: string, more: Record<string, Partial<TopicDefinition>> = {}) =>
	createRegistry([
		Object.fromEntries(
			Object.entries({
				[`orgs/[org]/projects/[${name}]/log`]: { access: 'granted' as const },
				[`lobbies/[${name}]/notices`]: {},
				[`counted/[${name}]`]: { retention: { lastPerUser: 2 } },
				[`timed/[${name}]`]: { retention: { seconds: 60 } },
				...more
			}).map(([text, definition]) => [text, { schema: anything, ...definition }])
		)
	]);

let database: TestDatabase;
let sql: Sql;
let on: SoleConnection;
const servers: AppServer[] = [];
const clients: StreamClient[] = [];
beforeEach(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 2, name: 'test sql' });
	on = new SoleConnection(database.url, { name: 'renamed pattern' });
});
afterEach(async () => {
	for (const client of clients.splice(0)) client.close();
	for (const server of servers.splice(0)) await server.stop();
	await on.end();
	await sql.end();
	await database.drop();
});

async function start(name: string): Promise<AppServer> {
	const server = await startAppServer(database.url, {}, declare(name));
	servers.push(server);
	return server;
}

const append = (topic: string, ...values: unknown[]) =>
	Promise.all(
		values.map(
			(value) =>
				sql`insert into events (topic, data) values (${topic}, ${sql.json(value as never)})`
		)
	);
const noted = async (topic: string) =>
	(await sql`select pattern from log_topics where topic = ${topic}`)[0]?.pattern as string;

test('a wildcard still brings the topics that are there, and the explorer finds them', async () => {
	const old = await start('project');
	await append('orgs/7/projects/1/log', 'old');
	await append('lobbies/1/notices', 'old');
	const user = await createUser(database.url);
	await old.app.logline.grant('orgs/7', user.id);
	// Both versions run for a while.
	const server = await start('id');
	await append('orgs/7/projects/2/log', 'new');
	for (const { app, stream } of [server, old]) {
		await until(async () => {
			const [row] = await sql`select max(id)::text as head from events`;
			return app.health().head === row!.head;
		});
		const client = new StreamClient(stream('topics=orgs/*/projects/*/log'), {
			cookie: user.cookie
		});
		clients.push(client);
		await client.caughtUp();
		expect(client.data('orgs/7/projects/1/log', 'orgs/7/projects/2/log')).toEqual(['old', 'new']);
		expect(await app.logline.exploreTopics(user)).toEqual([
			'lobbies/1/notices',
			'orgs/7/projects/1/log',
			'orgs/7/projects/2/log'
		]);
	}
});

test('retention goes on, whichever version has noted the topics', async () => {
	await declareTopics(on, declare('project'));
	await append('counted/1', 1, 2, 3);
	await sql`insert into events (topic, data, created_at) values ('timed/1', '1', now() - interval '1 hour')`;
	await append('timed/1', 2);
	expect(await trimOn(on, declare('id'))).toBe(2);
	expect(await left(sql, 'counted/1')).toHaveLength(2);
	expect(await left(sql, 'timed/1')).toEqual([2]);
});

test('retention looks at what was noted by another version since it looked last', async () => {
	await declareTopics(on, declare('project'));
	await trimOn(on, declare('id'));
	await sql`insert into events (topic, data, created_at) values ('timed/1', '1', now() - interval '1 hour')`;
	await append('counted/1', 1, 2, 3);
	await sql`insert into retention_progress (topic, done, rule) values ('timed/[id]', 4, 'time'), ('counted/[id]', 4, 'last 2')
		on conflict (topic) do update set done = 4`;
	await declareTopics(on, declare('id'));
	await renewDeclarations(on, declare('id'));
	expect(await trimOn(on, declare('id'))).toBe(2);
});

test('a wildcard finds the topics of its form, and no others', async () => {
	const known = [
		't_1/1/x',
		't_1/2/x',
		't_1/3/4/x',
		't_1/a.b/x',
		`t_1/${'y'.repeat(65)}/x`,
		't_1/9/x'
	];
	await sql`insert into log_topics (topic, pattern)
		select topic, 'any' from unnest(${[...known, 't_1/1/y', 't-1/1/x', 't_1/x']}::text[]) as t(topic)`;
	const find = (most: number, after?: string) => readKnownTopics(on, 't_1/*/x', { most, after });
	expect(await find(10)).toEqual(['t_1/1/x', 't_1/2/x', 't_1/9/x']);
	expect(await find(3)).toEqual(['t_1/1/x', 't_1/2/x', 't_1/9/x']);
	expect(await find(2, 't_1/1/x')).toEqual(['t_1/2/x', 't_1/9/x']);
});

test('a topic whose declaration was replaced is noted anew, the others are left alone', async () => {
	const old = declare('project', { 'docs/1/edits': {}, 'docs/1/notes': {}, 'gone/[x]': {} });
	const now = declare('id', { 'docs/[doc]/edits': {} });
	const all = ['orgs/7/projects/1/log', 'docs/1/edits', 'docs/1/notes', 'gone/1', 'counted/1'];
	await declareTopics(on, old);
	for (const topic of all) await append(topic, 1);
	await sql`insert into log_topics (topic, pattern) select 'timed/' || n, 'timed/[project]' from generate_series(1, 2500) n`;
	await declareTopics(on, now);
	await renewDeclarations(on, now);
	expect(await Promise.all(all.map(noted))).toEqual([
		'orgs/[org]/projects/[id]/log',
		'docs/[doc]/edits',
		'docs/1/notes',
		'gone/[x]',
		'counted/[id]'
	]);
	const [row] =
		await sql`select count(*)::int as count from log_topics where pattern = 'timed/[id]'`;
	expect(row!.count).toBe(2500);
	// A version that declares what is noted changes nothing, and neither does one that meets a lock.
	await renewDeclarations(on, now);
	await sql.begin(async (tx) => {
		await tx`select from log_topics where topic = 'counted/1' for update`;
		await renewDeclarations(on, old);
	});
	expect(await Promise.all(all.map(noted))).toEqual([
		'orgs/[org]/projects/[project]/log',
		'docs/1/edits',
		'docs/1/notes',
		'gone/[x]',
		'counted/[id]'
	]);
});

test('of two declarations of the same form, the last one that was declared has the latest time', async () => {
	const last = async () =>
		(
			await sql`select pattern from topics where pattern like 'counted/%' order by declared_at desc limit 1`
		)[0]!.pattern as string;
	await declareTopics(on, declare('project'));
	await declareTopics(on, declare('id'));
	expect(await last()).toBe('counted/[id]');
	await declareTopics(on, declare('project'));
	expect(await last()).toBe('counted/[project]');
});

test('stored events are checked by the new name', async () => {
	await declareTopics(on, declare('project'));
	await append('counted/1', 1);
	const { checked } = await checkEvents(on, declare('id'), { topic: 'counted/[id]' });
	expect(checked).toBe(1);
});
