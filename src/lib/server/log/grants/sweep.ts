import type { Queryable } from '../../database/queryable.ts';

/** Pairs of one statement. */
const PAGE = 5000;

/**
 * Finds grants that differ from their history and were seen by no trigger, for example after a restore. The relay then
 * compares them. Safe to run in every process.
 *
 * @returns how many were found
 */
export async function sweepGrants(on: Queryable): Promise<number> {
	const [row] = await on.query<{ found: number }>('SELECT logline_sweep_grants($1::int) AS found', [
		PAGE
	]);
	return row!.found;
}
