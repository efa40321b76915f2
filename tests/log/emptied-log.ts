import { afterAll, beforeAll, beforeEach } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/** A client for the test file's own log, see {@link useEmptiedLog}. */
export let sql: Sql;
let database: TestDatabase;

/** Gives the test file that calls it a log of its own, which is emptied before each test. */
export function useEmptiedLog(): void {
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
}

/** Returns the topics of the events, in order. */
export const topics = async (): Promise<string[]> =>
	(await sql<{ topic: string }[]>`select topic from events order by id`).map((row) => row.topic);

/** Returns the URL, for connections of the test's own. */
export const databaseUrl = (): string => database.url;
