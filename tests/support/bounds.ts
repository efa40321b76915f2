import type { Sql } from 'postgres';

/** Allows rows in `events` that have passed a bound: from before the bounds, or restored ones. */
export async function liftBounds(sql: Sql): Promise<void> {
	await sql`alter table events drop constraint events_bounds_check`;
	await sql.unsafe(`create or replace function logline_check_bounds(
		p_topic text, p_user text, p_size int, p_data jsonb, p_created timestamptz
	) returns void language plpgsql as 'begin end'`);
}
