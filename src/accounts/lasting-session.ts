/**
 * SQL, two parts of a `WITH`: `lasts` is the user $1, as one row, while the session $2 of that user lasts; else it is empty. The
 * user's row is locked first. Who waits for it looks at the session afterwards: a condition beside it would look before.
 *
 * @see https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
 */
export const LASTING = `me AS MATERIALIZED (
		SELECT id FROM users WHERE id = $1 FOR UPDATE
	), lasts AS MATERIALIZED (
		SELECT user_id FROM me JOIN sessions AS s ON s.user_id = me.id
		WHERE s.id = $2 AND s.expires_at > clock_timestamp() FOR SHARE OF s
	)`;
