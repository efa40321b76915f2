import type { Queryable } from '../../database/queryable.ts';

/** How long the result of a batch is kept: much longer than a writer retries. */
const ANSWER_KEPT = '1 hour';

/** Maximum rows that one statement deletes. */
const BATCH = 10_000;

/**
 * Deletes old results of batches. Safe to run in every process.
 *
 * @param signal stops it between two statements
 */
export async function forgetAnswers(on: Queryable, signal?: AbortSignal): Promise<void> {
	for (let gone = BATCH; gone === BATCH && !signal?.aborted;) {
		const rows = await on.query(
			`DELETE FROM append_batches WHERE batch IN (
				SELECT batch FROM append_batches WHERE created_at < now() - $1::interval LIMIT ${BATCH}
			) RETURNING 1`,
			[ANSWER_KEPT]
		);
		gone = rows.length;
	}
}
