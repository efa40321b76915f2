import { sql } from 'drizzle-orm';
import type { AcceptedEvent } from './accept.ts';
import { arrayLiteral } from './array-literal.ts';
import type { Transaction } from './types.ts';

/**
 * Inserts events into the outbox inside the caller's transaction. They become events soon after its commit, and never if it
 * rolls back. The commit wakes the relays of all processes.
 */
export async function insertIntoOutbox(
	tx: Pick<Transaction, 'execute'>,
	events: readonly AcceptedEvent[]
): Promise<void> {
	const column = (pick: (event: AcceptedEvent) => string | null) => arrayLiteral(events.map(pick));
	await tx.execute(sql`
		INSERT INTO outbox (topic, user_id, data, key)
		SELECT topic, user_id, data, key FROM unnest(
			${column((e) => e.topic)}::text[],
			${column((e) => e.userId)}::text[],
			${column((e) => e.data)}::text[]::jsonb[],
			${column((e) => e.key)}::text[]
		) WITH ORDINALITY AS i(topic, user_id, data, key, n)
		ORDER BY i.n`);
}
