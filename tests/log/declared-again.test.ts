/** Servers repeat what they have declared: a failover or a restored backup may have taken it away. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createRegistry, type TopicDefinition } from '../../src/lib/protocol/index.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { declareTopics } from '../../src/lib/server/log/declarations.ts';
import { startAppServer } from '../support/app-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let sql: Sql;
let on: SoleConnection;
beforeEach(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 1, name: 'test sql' });
	on = new SoleConnection(database.url, { name: 'declared again' });
});
afterEach(async () => {
	await on.end();
	await sql.end();
	await database.drop();
});

/** A version of an application. */
const version = (definitions: Record<string, Partial<TopicDefinition>>) =>
	createRegistry([
		Object.fromEntries(
			Object.entries(definitions).map(([text, definition]) => [
				text,
				{
					schema: { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } },
					...definition
				}
			])
		)
	]);

const older = version({
	kept: { description: 'older' },
	'docs/[doc]/edits': {},
	gone: { description: 'of the older one' }
});
const newer = version({
	kept: { description: 'newer' },
	'docs/[name]/edits': {},
	more: { description: 'of the newer one' }
});

const declared = async () =>
	(
		await sql<{ line: string }[]>`
		select concat_ws(' ', pattern, description) as line from topics order by declared_at, pattern`
	).map(({ line }) => line);

const BOTH = [
	'docs/[doc]/edits',
	'gone of the older one',
	'docs/[name]/edits',
	'kept newer',
	'more of the newer one'
];

test.for([
	['nothing', ''],
	['what the newer one has declared', `delete from topics where description like '%newer%'`],
	['what the older one has declared', `delete from topics where description like '%older%'`],
	['all of it', 'delete from topics']
])(
	'two versions that repeat their declarations in any order, after the log has lost %s, leave those of the newer one',
	async ([, lose]) => {
		const since = [await declareTopics(on, older), await declareTopics(on, newer)];
		expect(await declared()).toEqual(BOTH);
		for (const first of [0, 1]) {
			if (lose) await sql.unsafe(lose);
			for (const at of [first, 1 - first]) {
				expect(await declareTopics(on, [older, newer][at]!, since[at])).toBe(since[at]);
			}
			expect(await declared()).toEqual(BOTH);
		}
	}
);

test('a declaration is repeated with its own time, however a session writes and reads times', async () => {
	const connectWith = async (style: string) => {
		await on.end();
		await sql.unsafe(`alter database ${database.name} set datestyle = '${style}'`);
		on = new SoleConnection(database.url, { name: 'declared again' });
	};
	const at = () => sql`select pattern, declared_at from topics order by pattern`;
	await connectWith('SQL, DMY');
	const since = await declareTopics(on, older);
	const before = await at();
	await sql`delete from topics`;
	await connectWith('SQL, MDY');
	await declareTopics(on, older, since);
	expect(await at()).toEqual(before);
});

test('a server whose log was replaced by one from before its start declares its topics there', async () => {
	const server = await startAppServer(database.url);
	try {
		const before = await declared();
		expect(before.length).toBeGreaterThan(5);
		await sql`delete from topics`;
		await sql`update log_state set epoch = gen_random_uuid()`;
		await until(async () => (await declared()).length === before.length, {
			what: 'they are declared',
			timeoutMs: 10_000
		});
	} finally {
		await server.stop();
	}
});
