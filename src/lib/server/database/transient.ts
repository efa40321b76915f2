import { codedError, codeOf, isSessionLost } from './error-code.ts';

/**
 * Returns true when the same statement may succeed later: connection lost, restart, read-only database, timeout of a lock or
 * statement, deadlock, disk or memory full, partition not created yet.
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function isTransient(error: unknown): boolean {
	const { code, constraint_name: constraint, table_name: table } = codedError(error);
	if (typeof code !== 'string') return false;
	// A missing partition has the code of a violated CHECK, and the name of a table, but none of a constraint. What a trigger
	// raises with this code has neither.
	if (code === '23514') return !constraint && Boolean(table);
	return isSessionLost(code) || SQLSTATE.test(code);
}

/** In order: read-only; rollback; resources; object in use or locked; cancelled; I/O. */
const SQLSTATE = /^(25006|40(001|003|P01)|53|55P03|55006|57014|58(000|030))/;

/**
 * Returns true when the failed statement may have been committed: its result was lost. Returns false when it was never sent
 * (no server, queue full, login refused), or when Postgres reports that it rolled back.
 */
export function isOutcomeUnknown(error: unknown): boolean {
	const { code, severity } = codedError(error);
	if (typeof code !== 'string' || NEVER_SENT.test(code)) return false;
	// FATAL ends the connection and can come after the commit: for example when the server stops while it waits for a
	// replica.
	return severity !== 'ERROR';
}

/**
 * Returns true when a server that has connected before should keep trying: the error is transient, or Postgres refuses the
 * login. A refused login (a password being changed, a role locked by mistake) can be repaired without a restart.
 */
export const mayPass = (error: unknown): boolean => isTransient(error) || isRefusedLogin(error);

const isRefusedLogin = (error: unknown) => /^(28|3D000)/.test(codeOf(error) ?? '');

const NEVER_SENT =
	/^(CONNECT_TIMEOUT|CONNECTION_BUSY|CONNECTION_UNWANTED|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|28...|3D000|53300|57P03)$/;
