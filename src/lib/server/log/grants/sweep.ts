import type { Queryable } from '../../database/queryable.ts';
import type { Trouble } from '../../work/trouble.ts';

/** Pairs of one statement. */
const PAGE = 5000;

/** Statements for one table in one sweep, at most. The next sweep does the rest. */
const PAGES = 1000;

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

/**
 * Compares the tables that `logline_grants_from` follows with the grants that they give, and repairs what no trigger has
 * seen. A table that cannot be compared does not keep the others from it. Safe to run in every process.
 *
 * @param on for one statement that reads a whole table
 * @param signal stops it between two statements
 * @param trouble hears of tables that cannot be compared
 * @returns false when there was such a table
 */
export async function sweepMirrors(
	on: Queryable,
	{ signal, trouble }: { signal: AbortSignal; trouble: Trouble }
): Promise<boolean> {
	const mirrors = await on.query<{ source: string; followed: string }>(
		'SELECT source, mirrored::text AS followed FROM logline_grants_mirrors() WHERE NOT old ORDER BY source',
		[]
	);
	let all = true;
	for (const { source, followed } of mirrors) {
		try {
			for (let page = 0, found = 1; found > 0 && page < PAGES && !signal.aborted; page++) {
				const [row] = await on.query<{ found: number }>(
					'SELECT logline_sweep_mirror($1, $2::int) AS found',
					[source, PAGE]
				);
				found = row!.found;
			}
		} catch (cause) {
			if (signal.aborted) return false;
			all = false;
			trouble.met(new Error(`the table ${followed} (source "${source}")`, { cause }));
		}
	}
	if (all) trouble.over();
	return all;
}
