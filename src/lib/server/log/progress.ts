import type { Queryable } from '../database/queryable.ts';
import { arrayLiteral } from '../database/array-literal.ts';

/** Maximum rows of a batch. */
const BATCH = 10_000;

/**
 * Reads how far the retention job has processed the log for each topic.
 *
 * @param rule the current rule; a topic that was processed with another rule starts again at 0
 */
export async function readProgress(
	on: Queryable,
	topics: readonly string[],
	rule: string
): Promise<Map<string, bigint>> {
	const rows = await on.query<{ topic: string; done: string }>(
		'SELECT topic, done::text FROM retention_progress WHERE topic = ANY($1::text[]) AND rule = $2',
		[arrayLiteral(topics), rule]
	);
	const done = new Map(topics.map((topic) => [topic, 0n]));
	for (const row of rows) done.set(row.topic, BigInt(row.done));
	return done;
}

/** Returns the last id of the next batch after `after`. It counts rows, because ids have holes and some are large. */
export async function endOfBatch(on: Queryable, after: bigint, end: bigint): Promise<bigint> {
	const [row] = await on.query<{ id: string }>(
		`SELECT id::text FROM events WHERE id > $1::bigint AND id <= $2::bigint
		ORDER BY events.id OFFSET ${BATCH - 1} LIMIT 1`,
		[after.toString(), end.toString()]
	);
	return row ? BigInt(row.id) : end;
}
