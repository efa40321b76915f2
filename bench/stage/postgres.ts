import { readFile } from 'node:fs/promises';
import { migrate } from '../../drizzle/migrate.ts';
import { openClient } from '../../src/app/driver-client.ts';
import { startServer } from '../../tests/support/private-server.ts';

/** The database server of all measures. The caller must call `close`. */
export interface Postgres {
	/** Returns the version, and the settings that decide the cost of a commit. */
	describe(): Promise<{ version: string; fsync: string; synchronousCommit: string }>;
	/** Creates a migrated database, calls `work` with its URL and drops it. */
	withDatabase<T>(work: (url: string) => Promise<T>): Promise<T>;
	close(): Promise<void>;
}

/** Opens `DATABASE_URL`, or else a private server for the time of the benchmark. */
export async function openPostgres(): Promise<Postgres> {
	const given = process.env.DATABASE_URL;
	const own = given ? null : await startServer({ max_connections: '300', max_wal_size: '4GB' });
	const url = given ?? own!.url;
	const admin = openClient(url, { max: 1, name: 'bench' });
	let count = 0;
	return {
		describe: async () => {
			const [row] = await admin<{ version: string; fsync: string; synchronousCommit: string }[]>`
				select current_setting('server_version') as version, current_setting('fsync') as fsync,
					current_setting('synchronous_commit') as "synchronousCommit"`;
			return row!;
		},
		withDatabase: async (work) => {
			const name = `logline_bench_${process.pid}_${++count}`;
			const target = new URL(url);
			target.pathname = `/${name}`;
			await admin.unsafe(`create database ${name}`);
			try {
				await migrate(target.href);
				return await work(target.href);
			} finally {
				await admin.unsafe(`drop database ${name} with (force)`);
			}
		},
		close: async () => {
			await admin.end();
			await own?.remove();
		}
	};
}

/** Creates the table that people write without a log: same columns, same indexes, nothing else. */
export async function createPlainTable(url: string): Promise<void> {
	const sql = openClient(url, { max: 1, name: 'bench' });
	try {
		await sql.unsafe(`
			CREATE TABLE plain_events (
				id bigserial PRIMARY KEY, topic text NOT NULL, user_id text, data jsonb NOT NULL,
				created_at timestamptz NOT NULL DEFAULT clock_timestamp()
			);
			CREATE INDEX ON plain_events (coalesce(user_id, ''), topic, id)`);
	} finally {
		await sql.end();
	}
}

/** Creates signed-in users: number i has the cookie `auth_session=bench-i`. */
export async function createPeople(url: string, count: number): Promise<void> {
	const sql = openClient(url, { max: 1, name: 'bench' });
	try {
		await sql`
			WITH people AS (
				INSERT INTO users (id, username, password_hash) SELECT 'bench-' || i, 'bench-' || i, '' FROM generate_series(0, ${count - 1}) AS i
				RETURNING id, username
			)
			INSERT INTO sessions (id, user_id, expires_at)
			SELECT encode(sha256(username::bytea), 'hex'), id, now() + interval '30 days' FROM people`;
	} finally {
		await sql.end();
	}
}

/** Returns the CPU seconds used by the backends of a database, or null when they are not on this machine. */
export async function backendSeconds(url: string): Promise<number | null> {
	const sql = openClient(url, { max: 1, name: 'bench' });
	try {
		const rows = await sql<{ pid: number }[]>`
			select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`;
		let sum = 0;
		for (const { pid } of rows) {
			const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
			if (!name.startsWith('postgres')) return null;
			sum += await cpuSeconds(pid);
		}
		return sum;
	} finally {
		await sql.end();
	}
}

/** Clock ticks per second of `/proc/<pid>/stat`, on every Linux that Node supports. */
const TICKS = 100;

/** Returns the CPU seconds used by a process, including its threads. Linux only: elsewhere `NaN`. */
export async function cpuSeconds(pid: number): Promise<number> {
	const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
	if (stat === null) return NaN;
	const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
	return (Number(fields[11]) + Number(fields[12])) / TICKS;
}
