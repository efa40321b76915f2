/**
 * Whether an error says that the database is away or in the way (connection lost, restarting, a lock or statement time-out, deadlock), so that the same
 * statement may succeed later. The outcome of the statement that failed is unknown.
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function isTransient(error: unknown): boolean {
	const code = (error as { code?: unknown } | null)?.code;
	if (typeof code !== 'string') return false;
	return (
		/^(CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ENOTFOUND)/.test(
			code
		) || /^(08|57P0[1-5]|57014|53300|40001|40P01|55P03)/.test(code)
	);
}
