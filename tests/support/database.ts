import { inject } from 'vitest';
import type { Sql } from '../../src/app/driver-client.ts';
import { openClient } from '../../src/app/driver-client.ts';
import { until } from './until.ts';

/** A private, migrated database on the server of the test run. */
export interface TestDatabase {
	url: string;
	name: string;
	/**
	 * Removes the database. A connection that is still open is a leak: it is closed by force, and the test file fails. A
	 * database that is not dropped is dropped at the end of the file.
	 */
	drop(): Promise<void>;
}

/** Name of the support's own connections in `pg_stat_activity`. */
const SUPPORT = 'test support';
const open = new Map<string, TestDatabase>();
const leaks: string[] = [];
let admin: Sql | null = null;
let count = 0;

/**
 * Creates a private database.
 *
 * @param options.empty without tables, to test migrations
 */
export async function createTestDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
	const { url: adminUrl, template, run } = inject('testServer');
	const name = `${run}_${process.pid}_${++count}`;
	// To copy the files takes a third less time than to write them to the WAL.
	await asAdmin().unsafe(
		`create database ${name} template ${options.empty ? 'template0' : template} strategy file_copy`
	);
	const url = new URL(adminUrl);
	url.pathname = `/${name}`;
	const database = {
		url: url.href,
		name,
		drop: async () => {
			if (!open.delete(name)) return;
			leaks.push(...(await leftConnections(asAdmin(), name)));
			await asAdmin().unsafe(`drop database ${name} with (force)`);
		}
	};
	open.set(name, database);
	return database;
}

/**
 * Drops the databases that this test file has not dropped.
 *
 * @returns one line for each connection that was left open
 */
export async function dropRemaining(): Promise<string[]> {
	try {
		for (const database of open.values()) await database.drop();
	} finally {
		const ending = admin;
		admin = null;
		await ending?.end({ timeout: 5 });
	}
	return leaks.splice(0);
}

async function leftConnections(sql: Sql, name: string): Promise<string[]> {
	const look = () => sql<{ application: string; state: string; query: string }[]>`
		select application_name as application, coalesce(state, '-') as state, left(query, 100) as query
		from pg_stat_activity
		where datname = ${name} and backend_type = 'client backend' and pid <> pg_backend_pid()`;
	// A backend needs a moment to notice that its client has gone.
	await until(async () => (await look()).length === 0, { timeoutMs: 3000 }).catch(() => null);
	return (await look()).map(
		(left) => `a connection to ${name}: "${left.application}", ${left.state}: ${left.query}`
	);
}

/** One connection for all databases of a test file. */
function asAdmin(): Sql {
	return (admin ??= openClient(inject('testServer').url, { max: 1, name: SUPPORT }));
}
