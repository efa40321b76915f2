import { codedError } from '../../database/error-code.ts';
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

/** A sweep that met somebody who writes grants, or changes the table: it is tried again soon, and nobody need know. */
const LOCKED = '55P03';

/** Everything was compared. What is left are rows of which no grant can be made, and another sweep would find them again. */
const REFUSED = '23514';

/**
 * Compares the tables that `logline_grants_from` follows with the grants that they give, and repairs what no trigger has
 * seen. A table that cannot be compared does not keep the others from it. Safe to run in every process.
 *
 * @param on for one statement that reads a whole table
 * @param signal stops it between two statements
 * @param trouble hears, in one error, of all tables that differ still
 * @returns false when a table was not compared
 */
export async function sweepMirrors(
	on: Queryable,
	{ signal, trouble }: { signal: AbortSignal; trouble: Trouble }
): Promise<boolean> {
	const mirrors = await on.query<{ source: string; followed: string }>(
		`SELECT source, string_agg(DISTINCT mirrored::text, ', ') AS followed
			FROM logline_grants_mirrors() WHERE NOT old GROUP BY source ORDER BY source`,
		[]
	);
	const failed: { cause: unknown; line: string }[] = [];
	let all = true;
	for (const { source, followed } of mirrors) {
		try {
			await sweepMirror(on, source, signal);
		} catch (cause) {
			if (signal.aborted) return false;
			const { code, message } = codedError(cause);
			if (code !== REFUSED) all = false;
			if (code === LOCKED) continue;
			failed.push({
				cause,
				line: `the table ${followed} (source "${source}"): ${String(message)}`
			});
		}
		if (signal.aborted) return false;
	}
	if (failed.length > 0) {
		const lines = failed.map(({ line }) => line).join('; ');
		trouble.met(new Error(lines, { cause: failed[0]!.cause }));
	} else if (all) {
		trouble.over();
	}
	return all;
}

/** Compares the tables of one source, page by page. */
async function sweepMirror(on: Queryable, source: string, signal: AbortSignal): Promise<void> {
	for (let page = 0; page < PAGES && !signal.aborted; page++) {
		const [row] = await on.query<{ found: number | null }>(
			'SELECT logline_sweep_mirror($1, $2::int) AS found',
			[source, PAGE]
		);
		if (!row!.found) return;
	}
}
