import { isDurable, LoglineError, type TopicRegistry } from '../../protocol/index.ts';
import { arrayLiteral } from '../database/array-literal.ts';
import type { Queryable } from '../database/queryable.ts';
import { encodeEvent } from './accept.ts';
import { insertIntoOutbox } from './outbox.ts';
import type { Transaction } from './types.ts';

/** Topic of the log's own event that ends a topic. Its data is `{topic}`. */
export const ENDED = '$ended';

/**
 * Ends a topic. Ending it again changes nothing.
 *
 * @param tx an open transaction: the end comes behind the events that it has emitted before
 * @throws LoglineError `unknown_topic` (400): not declared, or a pattern; `not_durable` (400): a signal, which keeps no
 *   events; `transaction_lost` (503)
 */
export async function endTopic(
	{ pool, topics }: { pool: Queryable; topics: TopicRegistry },
	schema: string,
	topic: string,
	tx?: Transaction
): Promise<void> {
	const definition = topics.get(topic);
	if (!definition) {
		throw new LoglineError(
			'unknown_topic',
			`There is no topic "${topic.slice(0, 100)}". One topic ends, such as "rooms/42/messages", and not a pattern.`
		);
	}
	if (!isDurable(definition)) {
		throw new LoglineError(
			'not_durable',
			`"${topic.slice(0, 100)}" is a signal, which is not kept, and so does not end. End the topic whose events are kept.`
		);
	}
	if (tx) await insertIntoOutbox(tx, schema, [encodeEvent({ topic: ENDED, data: { topic } })]);
	else await pool.query('SELECT logline_end($1)', [topic]);
}

/**
 * Reads which topics have ended, in one statement for several requests.
 *
 * @returns for each request: topic → id of its `$ended`; it may have topics of other requests, too
 */
export async function readEndedOfMany(
	on: Queryable,
	requests: readonly (readonly string[])[]
): Promise<ReadonlyMap<string, bigint>[]> {
	const rows = await on.query<{ topic: string; ended: string }>(
		'SELECT topic, ended_id::text AS ended FROM log_topics WHERE topic = ANY($1::text[]) AND ended_id IS NOT NULL',
		[arrayLiteral([...new Set(requests.flat())])]
	);
	const all = new Map(rows.map(({ topic, ended }) => [topic, BigInt(ended)]));
	return requests.map(() => all);
}
