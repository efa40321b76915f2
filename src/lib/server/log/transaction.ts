import { LoglineError } from '../../protocol/index.ts';
import type { Transaction } from './types.ts';

/**
 * Runs one statement inside the caller's transaction.
 *
 * A transaction of a driver can go on, without being one, on another connection after its own was lost (decisions/004). What
 * this statement writes would be committed at once, and what the caller has written before never. So the statement itself
 * asks for an open transaction: one that has written already has an id before the statement, and one statement alone has
 * none.
 *
 * @param statement returns the SQL under a condition; it returns rows exactly when the condition is met
 * @throws LoglineError `transaction_lost` (503): nothing was written
 */
export async function inTransaction(
	tx: Transaction,
	statement: (when: string) => string
): Promise<void> {
	const none = 'pg_current_xact_id_if_assigned()';
	if ((await runIn(tx, statement(`${none} IS NOT NULL`))).length > 0) return;
	// Nothing was written before. So the transaction gets its id from a statement of ours.
	const [row] = await runIn(tx, 'SELECT pg_current_xact_id()::text AS id');
	const id = literal((row as { id: string }).id);
	if ((await runIn(tx, statement(`${none} = ${id}::xid8`))).length > 0) return;
	throw lostTransaction();
}

/** The error that says that a transaction does not go on as one. */
export const lostTransaction = () =>
	new LoglineError(
		'transaction_lost',
		'The transaction has lost its connection, or was never begun. Nothing was written. Try it again from its beginning.',
		503,
		1
	);

/**
 * Quotes a text. The values are part of the statement, because plain text is all that the clients of an application have in
 * common: each passes parameters in its own way.
 *
 * @see https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS-ESCAPE
 */
export const literal = (text: string) => `E'${text.replace(/['\\]/g, '$&$&')}'`;

/** Quotes the name of a table of the log. The caller's connection may have another `search_path`. */
export const nameIn = (schema: string, table: string) =>
	`"${schema.replaceAll('"', '""')}".${table}`;

/** Runs a statement as the application's client does, and returns its rows. */
export async function runIn(tx: Transaction, statement: string): Promise<readonly unknown[]> {
	// The order matters: a transaction of drizzle has a property `query`, too, which is no function.
	const result = await ('execute' in tx
		? tx.execute(statement)
		: 'unsafe' in tx
			? tx.unsafe(statement)
			: tx.query(statement));
	return Array.isArray(result) ? result : (result as { rows: readonly unknown[] }).rows;
}
