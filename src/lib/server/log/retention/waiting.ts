import type { TopicRegistry } from '../../../protocol/index.ts';
import type { Queryable } from '../../database/queryable.ts';

/** How long trimming waits for a consumer, by default, in seconds. */
export const WAIT_SECONDS = 7 * 86_400;

/**
 * Reads up to where trimming may go without taking events from a consumer that has not handled them. It waits for
 * positions, and for events that failed and are tried again.
 *
 * @param seenSeconds consumers that have not moved for longer are not waited for
 * @returns declared topic → id; a topic that is not in it waits for nobody
 */
export async function readWaiting(
	on: Queryable,
	registry: TopicRegistry,
	seenSeconds = 1e9
): Promise<Map<string, bigint>> {
	const rows = await on.query<{ topic: string; upto: string }>(
		`SELECT topic, min(position)::text AS upto FROM consumers
			WHERE moved_at > now() - make_interval(secs => $1::float8) GROUP BY topic
		UNION ALL
		SELECT topic, (min(event_id) - 1)::text FROM consumer_failures
			WHERE first_at > now() - make_interval(secs => $1::float8) GROUP BY topic`,
		[seenSeconds]
	);
	const waiting = new Map<string, bigint>();
	for (const row of rows) {
		const declared = registry.findWildcard(row.topic)?.pattern.text;
		if (declared === undefined) continue;
		const upto = BigInt(row.upto);
		const least = waiting.get(declared);
		if (least === undefined || upto < least) waiting.set(declared, upto);
	}
	return waiting;
}
