import type { Queryable } from '../database/queryable.ts';
import { GIVEN, lostAfter, SETTLED, settleLog } from '../log/place.ts';
import { parseRows, ROW_AS_JSON, type ClientName } from './subscriptions.ts';
import type { KnownClient } from './topic-safety.ts';

/** The state of the log that is needed to judge a cursor. */
export interface LogStanding {
	epoch: string;
	/** Last id that was given out. */
	given: bigint;
	/** The id that the cursor must go back to, because later events may have been lost. null: the cursor is valid. */
	lostAfter: bigint | null;
}

/** What the database knows about a client, and about the log for its cursor. */
export interface ClientState {
	log: LogStanding;
	client: KnownClient & {
		/** True when `seen_at` of the client has not been updated for a day. */
		stale: boolean;
	};
}

/**
 * Reads the subscriptions of a client and the state of the log in one statement. A client that reconnects soon costs only
 * this statement.
 *
 * @param cursor of the client; null: it has none
 */
export async function readClientState(
	on: Queryable,
	{ sessionID, clientID }: ClientName,
	cursor: bigint | null
): Promise<ClientState> {
	const [row] = await on.query<{
		epoch: string;
		given: string;
		settled: boolean | null;
		lost_after: string | null;
		forgotten: boolean;
		rows: string;
		stale: boolean;
	}>(
		`SELECT (SELECT epoch::text FROM log_state) AS epoch, ${GIVEN}::text AS given, ${SETTLED} AS settled,
			${lostAfter('$3::bigint')}::text AS lost_after,
			EXISTS (SELECT FROM forgotten_clients AS f WHERE f.session_id = $1) AS forgotten, c.rows, c.stale
		FROM (
			SELECT coalesce(json_agg(${ROW_AS_JSON}), '[]')::text AS rows,
				coalesce(min(t.seen_at) < now() - interval '1 day', false) AS stale
			FROM topic_subscriptions t WHERE t.session_id = $1 AND t.client_id = $2
		) AS c`,
		[sessionID, clientID, cursor?.toString() ?? null]
	);
	const { epoch, given, settled, lost_after: lost, forgotten, rows, stale } = row!;
	if (settled !== true) {
		// Nobody has written since the log moved, so it is not known yet whether the cursor is valid.
		await settleLog(on);
		return readClientState(on, { sessionID, clientID }, cursor);
	}
	return {
		log: { epoch, given: BigInt(given), lostAfter: lost === null ? null : BigInt(lost) },
		client: { rows: parseRows(rows), forgotten, stale }
	};
}
