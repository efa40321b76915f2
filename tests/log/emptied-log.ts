import { afterAll, beforeAll, beforeEach } from 'vitest';
import { openClient, type Sql } from '../../src/lib/server/database/client.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/** A client for a log of the test file's own, which is empty when a test begins. Whoever imports it gets both. */
export let sql: Sql;
let database: TestDatabase;

beforeAll(async () => {
	database = await createTestDatabase();
	sql = openClient(database.url, { max: 6, name: 'test sql' });
});
afterAll(async () => {
	await sql.end();
	await database.drop();
});
beforeEach(async () => {
	await sql`delete from outbox`;
	await sql`delete from events`;
});

/** Topics of the events, in their order. */
export const topics = async (): Promise<string[]> =>
	(await sql<{ topic: string }[]>`select topic from events order by id`).map((row) => row.topic);
