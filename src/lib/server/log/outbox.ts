import type { AcceptedEvent } from './accept.ts';
import { arrayLiteral } from '../database/array-literal.ts';
import { refusalOf } from './refusal.ts';
import { inTransaction, literal, nameIn } from './transaction.ts';
import type { Transaction } from './types.ts';

/**
 * Inserts events into the outbox inside the caller's transaction. They become events soon after its commit, and never if it
 * rolls back. The commit wakes the relays of all processes.
 *
 * @param schema where the log's tables are; the connection is the application's and may have another `search_path`
 * @throws LoglineError `transaction_lost` (503), `topic_ended` (409), `fenced` (409): nothing was written. The log may still
 *   refuse an event later, when another transaction ends its topic or raises the epoch first: then it is in `dead_letters`.
 */
export async function insertIntoOutbox(
	tx: Transaction,
	schema: string,
	events: readonly AcceptedEvent[]
): Promise<void> {
	if (events.length === 0) return;
	try {
		await inTransaction(tx, insertion(schema, events));
	} catch (error) {
		throw refusalOf(error)?.error ?? error;
	}
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
	const names = ['topic', 'user_id', 'data', 'key'];
	if (events.some(({ producer }) => producer)) {
		names.push('producer', 'epoch');
		rows.push(
			column((e) => e.producer?.name ?? null),
			`${column((e) => e.producer?.epoch.toString() ?? null)}::bigint[]`
		);
	}
	const columns = names.join(', ');
	return (when) => `
		INSERT INTO ${nameIn(schema, 'outbox')} (${columns})
		SELECT ${columns} FROM unnest(${rows.join(', ')})
			WITH ORDINALITY AS i(${columns}, n)
		WHERE ${when}
		ORDER BY i.n
		RETURNING 1`;
}
