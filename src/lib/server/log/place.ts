import type { Queryable } from '../database/queryable.ts';
import type { LogEvent } from './types.ts';

/**
 * SQL: identifies the connection that runs the statement. Only a different connection can lead to a different server: a
 * promoted one, or one that crashed and lost what it had not written to disk.
 */
export const SESSION = `(SELECT pg_backend_pid() || ' ' || extract(epoch FROM pg_postmaster_start_time()))`;

/** SQL: the last id that was given out. Do not use `max(id)` for this: it goes back when the newest event is deleted. */
export const GIVEN = '(SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq)';

/** SQL: true when the log has recorded its present place; null on a replica. */
export const SETTLED = '(SELECT place = logline_place() FROM log_state)';

/**
 * SQL: the id that a cursor must go back to, because ids after it, up to the cursor, may have been given to events that were
 * lost; null when the cursor is valid.
 *
 * Example: a hole has `after` 500 and `upto` 1000500. A cursor of 520 goes back to 500. Cursors 500 and 2000000 are valid.
 *
 * @param cursor SQL of type bigint
 */
export const lostAfter = (cursor: string) =>
	`(SELECT min(h.after) FROM log_holes h WHERE ${cursor} > h.after AND ${cursor} <= h.upto)`;

/**
 * Records the log's present place if it has changed. The ids that may have been given twice are skipped, and clients with
 * cursors among them get a `gap`.
 *
 * @throws the error of the driver; on a replica 25006, which counts as passing
 */
export async function settleLog(on: Queryable): Promise<void> {
	// A separate statement: no partition can be created inside an INSERT.
	await on.query('SELECT logline_ensure_partitions()', []);
	await on.query('SELECT logline_settle()', []);
}

/** The state of the log, for a reader that has read up to some id. */
export interface Standing {
	epoch: string;
	/** Where the log is, as recorded. null: nothing is recorded yet. Another value than before: it has moved to another server. */
	place: string | null;
	/** Newest id that is known to be committed, even if its event was trimmed. 0 when the log was never written to. */
	head: bigint;
	/** Last id that was given out, whether its event exists or not. */
	given: bigint;
	/** See {@link SESSION}. */
	session: string;
	/** See {@link SETTLED}. */
	settled: boolean;
	/** True when the last event that was read may have been lost when the log moved. */
	lost: boolean;
	/** True when the last event that was read still exists. */
	there: boolean;
}

/**
 * Reads the state of the log for a reader.
 *
 * @param tail id up to which the reader has read
 * @throws Error on a replica, with a code that counts as passing: the log is on another server, or this one will be promoted
 */
export async function readStanding(on: Queryable, tail: bigint): Promise<Standing> {
	const [row] = await on.query<{
		epoch: string;
		place: string | null;
		head: string;
		given: string;
		session: string;
		settled: boolean | null;
		replica: boolean;
		lost: boolean;
		there: boolean;
	}>(
		`SELECT epoch::text, place, greatest((SELECT max(id) FROM events),
				least((SELECT coalesce(max(horizon), 0) FROM topic_horizons), ${GIVEN}))::text AS head,
			${GIVEN}::text AS given,
			${SESSION} AS session, ${SETTLED} AS settled, pg_is_in_recovery() AS replica,
			${lostAfter('$1::bigint')} IS NOT NULL AS lost,
			EXISTS (SELECT FROM events WHERE id = $1::bigint) AS there
		FROM log_state`,
		[tail.toString()]
	);
	if (!row) throw new Error('The table log_state is empty. Restore the backup completely.');
	const { replica, ...standing } = row;
	if (replica) {
		throw Object.assign(new Error('The database is a replica; the log waits for its promotion.'), {
			code: '25006'
		});
	}
	return {
		...standing,
		head: BigInt(row.head),
		given: BigInt(row.given),
		settled: row.settled === true
	};
}

/** What happened to an event, seen on one session. `gone`: it was deleted, but not by retention. */
export interface Fate {
	session: string;
	fate: 'kept' | 'trimmed' | 'changed' | 'gone';
}

/** Reads what happened to an event that was read before. */
export async function readFate(on: Queryable, event: LogEvent): Promise<Fate> {
	const { id, topic, userId, data } = event;
	const [row] = await on.query<{ session: string; same: boolean | null; trimmed: boolean | null }>(
		`SELECT ${SESSION} AS session,
			(SELECT topic = $2 AND user_id IS NOT DISTINCT FROM $3::text AND data = $4::text::jsonb
				FROM events WHERE id = $1::bigint) AS same,
			(SELECT horizon >= $1::bigint FROM topic_horizons
				WHERE topic = $2 AND audience = coalesce($3::text, '')) AS trimmed`,
		[id.toString(), topic, userId, data]
	);
	const { session, same, trimmed } = row!;
	if (same === null) return { session, fate: trimmed ? 'trimmed' : 'gone' };
	return { session, fate: same ? 'kept' : 'changed' };
}
