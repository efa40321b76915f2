import { readState } from '../support/app-server.ts';
/** Postgres refuses the application's login for a while: a password is being changed, or a role was locked by mistake. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { failureOf } from '../../src/lib/server/index.ts';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let scene: Scene;
let sql: Sql;
let role: string;

beforeEach(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 1, name: 'test admin' });
	role = `${database.name}_app`;
	await sql.unsafe(`create role ${role} login superuser password 'secret'`);
	const url = new URL(database.url);
	url.username = role;
	url.password = 'secret';
	scene = await openScene({ keepAliveMs: 100 }, { url: url.href });
});

afterEach(async () => {
	await sql.unsafe(`alter role ${role} login password 'secret'`);
	await scene.close();
	await sql.unsafe(`drop role ${role}`);
	await sql.end();
	await database.drop();
});

test.each([
	['the role may not log in', (on: Sql) => on.unsafe(`alter role ${role} nologin`)],
	['the password is another one', (on: Sql) => on.unsafe(`alter role ${role} password 'other'`)]
])(
	'who asks while %s is told to come back, and open streams go on afterwards',
	async (_, refuse) => {
		await scene.insert('a', 1);
		const open = scene.open('topics=a&client=open');
		await open.caughtUp();
		await refuse(sql);
		await sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = ${role}`;

		const viewer = { id: scene.user.id, name: scene.user.name };
		const error = await readState(scene.server.app, viewer, ['a']).catch((e: unknown) => e);
		expect(failureOf(error)?.code).toBe('database_unavailable');
		const { db } = scene.server.app.database;
		const transaction = db.transaction((tx) =>
			scene.server.app.logline.append([{ topic: 'a', data: 2 }], tx)
		);
		expect(failureOf(await transaction.catch((e: unknown) => e))?.status).toBe(503);

		const early = scene.open('topics=a&client=early');
		await until(() => early.ended);
		expect(early.status).toBe(503);
		expect(early.body).toContain('database_unavailable');

		await sql.unsafe(`alter role ${role} login password 'secret'`);
		await until(() => scene.server.app.health().status === 'ok', { timeoutMs: 20_000 });
		await sql`insert into events (topic, data) values ('a', '3')`;
		await until(() => open.data('a').includes(3));
		expect(open.data('a')).toEqual([1, 3]);
		expect(open.ended).toBe(false);
	}
);
