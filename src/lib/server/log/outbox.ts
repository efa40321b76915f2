import { sql, type SQL } from 'drizzle-orm';
import { LoglineError } from '$lib/protocol';
import type { AcceptedEvent } from './accept.ts';
import { arrayLiteral } from './array-literal.ts';
import type { Transaction } from './types.ts';

/** As much of an open drizzle transaction as we need. */
type Open = Pick<Transaction, 'execute'>;

/**
 * Inserts events into the outbox inside the caller's transaction. They become events soon after its commit, and never if it
 * rolls back. The commit wakes the relays of all processes.
 *
 * A transaction of postgres.js can go on, without being one, on another connection after its own was lost (decisions/004).
 * An event of it would be committed at once, and the rows that it tells of never. So the statement itself asks for an open
 * transaction: one that has written already has an id before the statement, and one statement alone has none.
 *
 * @throws LoglineError `transaction_lost` (503): nothing was written
 */
export async function insertIntoOutbox(tx: Open, events: readonly AcceptedEvent[]): Promise<void> {
	if (events.length === 0) return;
	if (await insert(tx, events, sql`pg_current_xact_id_if_assigned() IS NOT NULL`)) return;
	// Nothing was written before these events. So the transaction gets its id from a statement of ours.
	const [row] = await tx.execute<{ id: string }>(sql`SELECT pg_current_xact_id()::text AS id`);
	if (await insert(tx, events, sql`pg_current_xact_id_if_assigned() = ${row?.id}::xid8`)) return;
	throw new LoglineError(
		'transaction_lost',
		'The transaction has lost its connection, or was never begun. Its events were not written. Try it again from its beginning.',
		503,
		1
	);
}

/** @returns false when the condition was not met; nothing was written then */
async function insert(tx: Open, events: readonly AcceptedEvent[], when: SQL): Promise<boolean> {
	const column = (pick: (event: AcceptedEvent) => string | null) => arrayLiteral(events.map(pick));
	const rows = await tx.execute(sql`
		INSERT INTO outbox (topic, user_id, data, key)
		SELECT topic, user_id, data, key FROM unnest(
			${column((e) => e.topic)}::text[],
			${column((e) => e.userId)}::text[]::bigint[],
			${column((e) => e.data)}::text[]::jsonb[],
			${column((e) => e.key)}::text[]
		) WITH ORDINALITY AS i(topic, user_id, data, key, n)
		WHERE ${when}
		ORDER BY i.n
		RETURNING 1`);
	return rows.length > 0;
}
