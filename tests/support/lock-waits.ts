import type { ISql } from 'postgres';

/**
 * Returns how many sessions of this database wait for a lock. `pg_locks` shows the waits of all databases of a server, and a
 * table has the same oid in every copy of a template.
 *
 * @param table counts only those who wait for this table
 * @param mode counts only those who wait for this mode of a lock, such as `AccessShareLock`
 * @see https://www.postgresql.org/docs/current/view-pg-locks.html
 */
export async function lockWaits(sql: ISql, table?: string, mode?: string): Promise<number> {
	// A transaction would see the sessions of its first look for ever.
	await sql`select pg_stat_clear_snapshot()`;
	const [row] = await sql<{ n: number }[]>`
		select count(distinct pid)::int as n from pg_locks join pg_stat_activity using (pid)
		where datname = current_database() and backend_type = 'client backend' and not granted
			and (${table ?? null}::text is null or relation = to_regclass(${table ?? null}))
			and (${mode ?? null}::text is null or mode = ${mode ?? null})`;
	return row!.n;
}
