import type { Queryable } from '../database/client.ts';

/** How long a batch's answer is kept: far longer than any writer goes on asking. */
const ANSWER_KEPT = '1 hour';

/** Keeps partitions ahead of the log and forgets old answers to writers. Safe to run in every process. */
export async function maintainLog(on: Queryable): Promise<void> {
	await on.query('SELECT logline_ensure_partitions()', []);
	await on.query(
		'DELETE FROM append_batches WHERE batch IN (SELECT batch FROM append_batches WHERE created_at < now() - $1::interval LIMIT 10000)',
		[ANSWER_KEPT]
	);
}
