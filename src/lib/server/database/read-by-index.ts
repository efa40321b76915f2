/**
 * Settings of connections that read the log. Every statement uses the index that has the requested order, and is planned
 * once.
 *
 * Without them, the plan depends on the current statistics. Example: a statement is planned while a partition is small. The
 * plan then reads the events of all users, sorts them and discards most, to return a page of a few rows.
 *
 * Postgres still uses a sort, a sequential scan or a bitmap scan where no other plan exists. It adds a very high cost to
 * such a plan, and before PostgreSQL 18 that cost would start the JIT compiler. So `jit` is off.
 *
 * @see https://www.postgresql.org/docs/current/runtime-config-query.html
 */
export const READ_BY_INDEX: Record<string, string> = {
	plan_cache_mode: 'force_generic_plan',
	enable_seqscan: 'off',
	enable_bitmapscan: 'off',
	enable_sort: 'off',
	enable_incremental_sort: 'off',
	jit: 'off'
};
