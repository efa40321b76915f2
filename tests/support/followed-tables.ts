/** A database whose tables of members give grants: what the tests of `logline_grants_from` say and ask. */
import { expect } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { declareTopics } from '../../src/lib/server/log/declarations.ts';
import { TEST_TOPICS } from './app-server.ts';
import { createTestDatabase } from './database.ts';

export interface FollowedTables {
	url: string;
	sql: Sql;
	/** Begins to follow a table. */
	follow(scope?: string, table?: string): Promise<unknown>;
	/** Ends that. Returns how many grants were taken back. */
	stop(scope?: string, table?: string): Promise<number>;
	/** All grants: `scope user`. */
	granted(): Promise<string[]>;
	/** Adds a row to a table. */
	join(room: string | null, user: string | null, table?: string): Promise<unknown>;
	/** Calls of a sweep, until one finds nothing. */
	sweep(rows?: number, source?: string): Promise<(number | null)[]>;
	/** Removes every grant, and makes the tables anew. */
	reset(): Promise<void>;
	close(): Promise<void>;
}

/** @param tables SQL that removes the tables of the last test and makes those of the next */
export async function openFollowedTables(tables: string): Promise<FollowedTables> {
	const database = await createTestDatabase();
	const sql = openClient(database.url, { max: 4, name: 'test sql' });
	const connection = new SoleConnection(database.url, { name: 'declare' });
	await declareTopics(connection, TEST_TOPICS);
	await connection.end();
	return {
		url: database.url,
		sql,
		follow: (scope = 'rooms/{room}', table = 'members') =>
			sql`select logline_grants_from(${table}::text::regclass, ${scope})`,
		stop: async (scope = 'rooms/{room}', table = 'members') =>
			Number(
				(await sql`select logline_grants_from_stop(${table}::text::regclass, ${scope}) as n`)[0]!.n
			),
		granted: () => grantedIn(sql),
		join: (room, user, table = 'members') =>
			sql`insert into ${sql(table)} (room, user_id) values (${room}, ${user})`,
		sweep: async (rows = 5000, source = 'members') => {
			const pages: (number | null)[] = [];
			do {
				const [row] = await sql<
					{ n: number | null }[]
				>`select logline_sweep_mirror(${source}, ${rows}) as n`;
				pages.push(row!.n);
			} while (pages.at(-1)!);
			return pages;
		},
		reset: async () => {
			await sql.unsafe(tables);
			await sql`truncate grants, grant_history, grant_losses, outbox`;
			await sql`delete from grant_losses`;
		},
		close: async () => {
			await sql.end();
			await database.drop();
		}
	};
}

/** Returns all grants of a database: `scope user`. */
export async function grantedIn(on: Sql): Promise<string[]> {
	const rows = await on`select distinct scope, user_id from grants order by scope, user_id`;
	return rows.map(({ scope, user_id }) => `${scope} ${user_id}`);
}

/** Returns whether Postgres can compute a column when it is read. Before version 18 it stores every computed column. */
export const computesOnReading = async (on: Sql): Promise<boolean> =>
	(await on`select current_setting('server_version_num')::int as n`)[0]!.n >= 180_000;

/** Expects that Postgres refuses something, with this message and hint. */
export const refused = (work: Promise<unknown>, message: RegExp, hint: RegExp) =>
	expect(work).rejects.toMatchObject({
		message: expect.stringMatching(message) as unknown,
		hint: expect.stringMatching(hint) as unknown
	});
