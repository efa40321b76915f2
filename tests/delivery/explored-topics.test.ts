/** Which topics the explorer looks through, when there are more than it can show. */
import { afterEach, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createRegistry } from '../../src/lib/protocol/index.ts';
import { startAppServer, TEST_TOPICS, type AppServer } from '../support/app-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let server: AppServer;
let sql: Sql;
afterEach(async () => {
	await server.stop();
	await sql.end();
	await database.drop();
});

const schema = TEST_TOPICS.get('a')!.schema;

async function open() {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 1, name: 'test sql' });
	server = await startAppServer(
		database.url,
		{},
		createRegistry([
			Object.fromEntries(TEST_TOPICS),
			{ 'inbox/[user]': { schema, access: ({ id }, { user }) => id === user } }
		])
	);
}

/** Gives each of so many users a topic of the own. */
const fill = (users: number) => sql`
	insert into events (topic, data)
	select 'inbox/u' || lpad(n::text, 5, '0'), '1' from generate_series(1, ${users}) as n`;

test('a viewer finds the own topic behind those of five thousand others', async () => {
	await open();
	await fill(5000);
	for (const id of ['u00001', 'u01002', 'u05000']) {
		const page = await server.app.logline.explore({ id, name: id });
		expect(page.topics.filter((topic) => topic.startsWith('inbox/'))).toEqual([`inbox/${id}`]);
		expect(page.events.map(({ topic }) => topic)).toEqual([`inbox/${id}`]);
		expect(page.complete).toBe(true);
	}
});

test('who may see more than a thousand topics of a pattern, or of a scope, is told that some are left out', async () => {
	await open();
	const insert = (prefix: string, rest: string, count: number) => sql`
		insert into events (topic, data)
		select ${prefix}::text || n || ${rest}::text, '1' from generate_series(1, ${count}::int) as n`;
	await insert('lobbies/', '/notices', 990);
	const viewer = { id: 'ann', name: 'ann' };
	const explore = () => server.app.logline.explore(viewer, { topics: ['*/*'] });
	expect(await explore()).toMatchObject({ complete: true });
	await insert('lobbies/x', '/notices', 11);
	expect(await explore()).toMatchObject({ complete: false });
	await sql`delete from log_topics`;
	await server.app.logline.grant('orgs/1', 'ann');
	await insert('orgs/1/projects/', '/log', 1001);
	expect(await explore()).toMatchObject({ complete: false });
	expect((await explore()).topics).toHaveLength(1000);
});

test('with more topics than are looked through, a viewer is told that some may be missing', async () => {
	await open();
	await sql`insert into log_topics (topic, pattern)
		select 'inbox/u' || lpad(n::text, 5, '0'), 'inbox/[user]' from generate_series(1, 50001) as n`;
	const page = await server.app.logline.explore({ id: 'u00001', name: 'x' });
	expect(page.topics).toContain('inbox/u00001');
	expect(page.complete).toBe(false);
});
