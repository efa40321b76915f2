/** More causes than clients wrap. It bounds a chain that is a circle. */
const MOST_CAUSES = 16;

/**
 * Returns the error that has a code: drizzle wraps the driver's in one without. An error with a code of its own is judged by
 * that, and not by its cause. When none has a code, it returns the last one.
 */
export function codedError(error: unknown): Readonly<Record<string, unknown>> {
	let found = (error ?? {}) as Record<string, unknown>;
	for (let i = 0; i < MOST_CAUSES && found.code === undefined && found.cause != null; i++) {
		found = found.cause as Record<string, unknown>;
	}
	return found;
}

/** Returns the code of an error: of the network, of the driver, of Postgres (SQLSTATE), or ours; null: it has none. */
export function codeOf(error: unknown): string | null {
	const { code } = codedError(error);
	return typeof code === 'string' ? code : null;
}

/**
 * Returns true when a session is gone, and its transaction with it: the network or the driver says that the connection is
 * lost or was not made, or Postgres has ended the session (an administrator, a shutdown, a timeout of the transaction).
 *
 * @see https://nodejs.org/api/errors.html#common-system-errors
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export const isSessionLost = (code: string | null): boolean =>
	code !== null && (CONNECTION.test(code) || ENDED.test(code));

const CONNECTION =
	/^(CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|EAI_AGAIN|ENOTFOUND)/;

/** SQLSTATE, in order: connection; shut down or terminated; timeouts of the session and of the transaction. */
const ENDED = /^(08|57P0[1-5]|25P0[34])/;
