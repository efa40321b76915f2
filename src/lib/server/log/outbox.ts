import { LoglineError } from '../../protocol/index.ts';
import type { AcceptedEvent } from './accept.ts';
import { arrayLiteral } from '../database/array-literal.ts';
import type { Transaction } from './types.ts';

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
export async function insertIntoOutbox(
	tx: Transaction,
	events: readonly AcceptedEvent[]
): Promise<void> {
	if (events.length === 0) return;
	if (await insert(tx, events, 'pg_current_xact_id_if_assigned() IS NOT NULL')) return;
	// Nothing was written before these events. So the transaction gets its id from a statement of ours.
	const [row] = await run<{ id: string }>(tx, 'SELECT pg_current_xact_id()::text AS id');
	const same = `pg_current_xact_id_if_assigned() = ${literal(row!.id)}::xid8`;
	if (await insert(tx, events, same)) return;
	throw new LoglineError(
		'transaction_lost',
		'The transaction has lost its connection, or was never begun. Its events were not written. Try it again from its beginning.',
		503,
		1
	);
}

/**
 * @param when SQL
 * @returns false when the condition was not met; nothing was written then
 */
async function insert(
	tx: Transaction,
	events: readonly AcceptedEvent[],
	when: string
): Promise<boolean> {
	const column = (pick: (event: AcceptedEvent) => string | null) =>
		literal(arrayLiteral(events.map(pick)));
	const rows = await run(
		tx,
		`INSERT INTO outbox (topic, user_id, data, key)
		SELECT topic, user_id, data, key FROM unnest(
			${column((e) => e.topic)}::text[],
			${column((e) => e.userId)}::text[],
			${column((e) => e.data)}::text[]::jsonb[],
			${column((e) => e.key)}::text[]
		) WITH ORDINALITY AS i(topic, user_id, data, key, n)
		WHERE ${when}
		ORDER BY i.n
		RETURNING 1 AS one`
	);
	return rows.length > 0;
}

/** Runs a statement in a transaction of any of the drivers. They differ in how they take parameters, so it has none. */
async function run<Row>(tx: Transaction, text: string): Promise<Row[]> {
	const result = await ('unsafe' in tx ? tx.unsafe(text) : tx.execute(text));
	return Array.isArray(result) ? (result as Row[]) : (result as { rows: Row[] }).rows;
}

/**
 * SQL: a text. In this form, backslashes mean the same whatever the session's settings are.
 *
 * @see https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS-ESCAPE
 */
const literal = (text: string) => `E'${text.replace(/['\\]/g, '$&$&')}'`;
