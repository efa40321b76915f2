import type { AcceptedEvent } from './accept.ts';
import { arrayLiteral } from '../database/array-literal.ts';
import { inTransaction, literal, nameIn } from './transaction.ts';
import type { Transaction } from './types.ts';

/**
 * Inserts events into the outbox inside the caller's transaction. They become events soon after its commit, and never if it
 * rolls back. The commit wakes the relays of all processes.
 *
 * @param schema where the log's tables are; the connection is the application's and may have another `search_path`
 * @throws LoglineError `transaction_lost` (503): nothing was written
 */
export async function insertIntoOutbox(
	tx: Transaction,
	schema: string,
	events: readonly AcceptedEvent[]
): Promise<void> {
	if (events.length === 0) return;
	await inTransaction(tx, insertion(schema, events));
}

/** Returns the INSERT under a condition. It returns a row for each event, and none when the condition is not met. */
function insertion(schema: string, events: readonly AcceptedEvent[]): (when: string) => string {
	const column = (pick: (event: AcceptedEvent) => string | null) =>
		`${literal(arrayLiteral(events.map(pick)))}::text[]`;
	const rows = [
		column((e) => e.topic),
		column((e) => e.userId),
		`${column((e) => e.data)}::jsonb[]`,
		column((e) => e.key)
	];
	return (when) => `
		INSERT INTO ${nameIn(schema, 'outbox')} (topic, user_id, data, key)
		SELECT topic, user_id, data, key FROM unnest(${rows.join(', ')})
			WITH ORDINALITY AS i(topic, user_id, data, key, n)
		WHERE ${when}
		ORDER BY i.n
		RETURNING 1`;
}
