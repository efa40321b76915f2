import { LoglineError } from '../../protocol/index.ts';
import type { AcceptedEvent } from './accept.ts';
import { arrayLiteral } from '../database/array-literal.ts';
import type { Transaction } from './types.ts';

/**
 * Inserts events into the outbox inside the caller's transaction. They become events soon after its commit, and never if it
 * rolls back. The commit wakes the relays of all processes.
 *
 * A transaction of a driver can go on, without being one, on another connection after its own was lost (decisions/004). An
 * event of it would be committed at once, and the rows that it tells of never. So the statement itself asks for an open
 * transaction: one that has written already has an id before the statement, and one statement alone has none.
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
	const insert = insertion(schema, events);
	const none = 'pg_current_xact_id_if_assigned()';
	if ((await run(tx, insert(`${none} IS NOT NULL`))).length > 0) return;
	// Nothing was written before these events. So the transaction gets its id from a statement of ours.
	const [row] = await run(tx, 'SELECT pg_current_xact_id()::text AS id');
	const id = literal((row as { id: string }).id);
	if ((await run(tx, insert(`${none} = ${id}::xid8`))).length > 0) return;
	throw new LoglineError(
		'transaction_lost',
		'The transaction has lost its connection, or was never begun. Its events were not written. Try it again from its beginning.',
		503,
		1
	);
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
		INSERT INTO "${schema.replaceAll('"', '""')}".outbox (topic, user_id, data, key)
		SELECT topic, user_id, data, key FROM unnest(${rows.join(', ')})
			WITH ORDINALITY AS i(topic, user_id, data, key, n)
		WHERE ${when}
		ORDER BY i.n
		RETURNING 1`;
}

/**
 * Quotes a text. The values are part of the statement, because plain text is all that the clients of an application have in
 * common: each passes parameters in its own way.
 *
 * @see https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS-ESCAPE
 */
const literal = (text: string) => `E'${text.replace(/['\\]/g, '$&$&')}'`;

/** Runs a statement as the application's client does, and returns its rows. */
async function run(tx: Transaction, statement: string): Promise<readonly unknown[]> {
	// The order matters: a transaction of drizzle has a property `query`, too, which is no function.
	const result = await ('execute' in tx
		? tx.execute(statement)
		: 'unsafe' in tx
			? tx.unsafe(statement)
			: tx.query(statement));
	return Array.isArray(result) ? result : (result as { rows: readonly unknown[] }).rows;
}
