import { arrayLiteral } from '../database/array-literal.ts';
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
		/** True when the user has read markers. */
		hasMarkers: boolean;
	};
}

/** A client whose state is wanted. */
export interface ClientAsked extends ClientName {
	userID: string;
	/** null: it has none. */
	cursor: bigint | null;
}

/** Reads the state of one client. */
export type ReadClientState = (client: ClientAsked) => Promise<ClientState>;

/**
 * Reads the subscriptions of some clients and the state of the log in one statement. A client that reconnects soon costs
 * only its share of this statement.
 */
export async function readClientStates(
	on: Queryable,
	clients: readonly ClientAsked[]
): Promise<ClientState[]> {
	const rows = await on.query<{
		epoch: string;
		given: string;
		settled: boolean | null;
		lost_after: string | null;
		forgotten: boolean;
		rows: string;
		stale: boolean;
		has_markers: boolean;
	}>(
		`SELECT log.*, ${lostAfter('asked.cursor')}::text AS lost_after,
			EXISTS (SELECT FROM forgotten_clients AS f WHERE f.session_id = asked.session_id) AS forgotten, c.rows, c.stale,
			EXISTS (SELECT FROM read_markers AS m WHERE m.user_id = asked.user_id) AS has_markers
		FROM (SELECT (SELECT epoch::text FROM log_state) AS epoch, ${GIVEN}::text AS given, ${SETTLED} AS settled) AS log
		CROSS JOIN unnest($1::text[], $2::text[], $3::text[]::bigint[], $4::text[]) WITH ORDINALITY
			AS asked(session_id, client_id, cursor, user_id, n)
		CROSS JOIN LATERAL (
			SELECT coalesce(json_agg(${ROW_AS_JSON}), '[]')::text AS rows,
				coalesce(min(t.seen_at) < now() - interval '1 day', false) AS stale
			FROM topic_subscriptions t WHERE t.session_id = asked.session_id AND t.client_id = asked.client_id
		) AS c
		ORDER BY asked.n`,
		[
			arrayLiteral(clients.map(({ sessionID }) => sessionID)),
			arrayLiteral(clients.map(({ clientID }) => clientID)),
			arrayLiteral(clients.map(({ cursor }) => cursor?.toString() ?? null)),
			arrayLiteral(clients.map(({ userID }) => userID))
		]
	);
	if (rows[0]?.settled !== true) {
		// Nobody has written since the log moved, so it is not known yet whether the cursors are valid.
		await settleLog(on);
		return readClientStates(on, clients);
	}
	return rows.map(
		({ epoch, given, lost_after: lost, forgotten, rows: own, stale, has_markers }) => ({
			log: { epoch, given: BigInt(given), lostAfter: lost === null ? null : BigInt(lost) },
			client: { rows: parseRows(own), forgotten, stale, hasMarkers: has_markers }
		})
	);
}
