import { arrayLiteral } from '../database/array-literal.ts';
import type { Queryable } from '../database/queryable.ts';
import type { RequestedTopic, SubscriptionRow } from './topic-safety.ts';

/** The owner of subscriptions: one client of one session. */
export interface ClientName {
	/** Id of the session: the hash of the cookie, not the cookie itself. */
	sessionID: string;
	/** '' is the unnamed client of the session. */
	clientID: string;
}

/** A subscription to record. */
export interface NewSubscription extends RequestedTopic {
	/** Position of the subscription in the log. */
	since: bigint;
	/** Every event after this id is owed. Of a wildcard: where the log was, for the replay windows of its topics. */
	begin: bigint;
	/**
	 * True when the history of the topic starts with this subscription. Then events that are already trimmed are not missing
	 * for the client, and the current horizon is stored as `trimmed`.
	 */
	begun: boolean;
}

/** SQL: the columns of a {@link SubscriptionRow} as a JSON array, for {@link parseRows}. */
export const ROW_AS_JSON =
	'json_build_array(t.topic, t.n, t.since::text, t.begin::text, t.trimmed::text)';

/** Parses an array of {@link ROW_AS_JSON}. */
export function parseRows(json: string): SubscriptionRow[] {
	const rows = JSON.parse(json) as [string, number, string, string, string][];
	return rows.map(([topic, n, since, begin, trimmed]) => ({
		topic,
		n,
		since: BigInt(since),
		begin: BigInt(begin),
		trimmed: BigInt(trimmed)
	}));
}

/** Reads the subscriptions of a client. */
export async function readSubscriptions(
	on: Queryable,
	client: ClientName
): Promise<SubscriptionRow[]> {
	const [row] = await on.query<{ rows: string }>(
		`SELECT coalesce(json_agg(${ROW_AS_JSON}), '[]')::text AS rows
		FROM topic_subscriptions AS t WHERE session_id = $1 AND client_id = $2`,
		[client.sessionID, client.clientID]
	);
	return parseRows(row!.rows);
}

/**
 * Inserts subscriptions and deletes obsolete ones. When a concurrent request has inserted the same subscription, its earlier
 * `since` and `begin` stay: they are just as correct.
 *
 * @param userId the horizons of this user, and of events for everyone, are stored as `trimmed`
 */
export async function writeSubscriptions(
	on: Queryable,
	client: ClientName & { userId: string },
	change: { add: readonly NewSubscription[]; remove: readonly RequestedTopic[] }
): Promise<void> {
	const column = <T>(topics: readonly T[], of: (topic: T) => string) =>
		arrayLiteral(topics.map(of));
	await on.query(
		`WITH removed AS (
			DELETE FROM topic_subscriptions AS s
			USING unnest($7::text[], $8::text[]::int[]) AS r(topic, n)
			WHERE s.session_id = $1 AND s.client_id = $2 AND s.topic = r.topic AND s.n = r.n
		)
		INSERT INTO topic_subscriptions (session_id, client_id, topic, n, since, begin, trimmed)
		SELECT $1, $2, a.topic, a.n, a.since, a.begin, CASE WHEN a.begun THEN coalesce(
			(SELECT max(horizon) FROM topic_horizons AS h
				WHERE h.topic = a.topic AND h.audience IN ('', $9)), 0) ELSE 0 END
		FROM unnest($3::text[], $4::text[]::int[], $5::text[]::bigint[], $6::text[]::boolean[], $10::text[]::bigint[])
			AS a(topic, n, begin, begun, since)
		ON CONFLICT DO NOTHING`,
		[
			client.sessionID,
			client.clientID,
			column(change.add, ({ topic }) => topic),
			column(change.add, ({ n }) => String(n)),
			column(change.add, ({ begin }) => begin.toString()),
			column(change.add, ({ begun }) => String(begun)),
			column(change.remove, ({ topic }) => topic),
			column(change.remove, ({ n }) => String(n)),
			client.userId,
			column(change.add, ({ since }) => since.toString())
		]
	);
}

/** Records that a client was connected. Once a day is enough. */
export async function touchClient(on: Queryable, client: ClientName): Promise<void> {
	await on.query(
		'UPDATE topic_subscriptions SET seen_at = now() WHERE session_id = $1 AND client_id = $2',
		[client.sessionID, client.clientID]
	);
}

/**
 * Deletes the rows of the clients of a session that were seen longest ago, so that about `keep` clients remain. Each opened
 * page is a client, and most never come back. A client that does come back replays: {@link KnownClient.forgotten} ensures
 * that it misses no event.
 *
 * @param open clients that have a connection; they and the unnamed client are kept
 */
export async function evictClients(
	on: Queryable,
	client: ClientName,
	{ keep, open }: { keep: number; open: readonly string[] }
): Promise<void> {
	await on.query(
		`WITH turn AS MATERIALIZED (
			-- One at a time per session: two that delete the same rows could wait for each other.
			SELECT pg_advisory_xact_lock(hashtextextended('logline.clients ' || $1::text, 0))
		), evicted AS (
			DELETE FROM topic_subscriptions AS t USING turn
			WHERE t.session_id = $1 AND t.client_id IN (
				SELECT client_id FROM topic_subscriptions
				WHERE session_id = $1 AND client_id NOT IN ('', $2) AND client_id <> ALL ($3::text[])
				GROUP BY client_id ORDER BY max(seen_at) DESC, max(created_at) DESC OFFSET $4::int)
			RETURNING t.session_id
		)
		${noteForgotten('evicted')}`,
		[client.sessionID, client.clientID, arrayLiteral(open), Math.max(0, keep - 1 - open.length)]
	);
}

/**
 * SQL: stores that clients of sessions were forgotten.
 *
 * @param sessions relation with the column `session_id`
 */
const noteForgotten = (sessions: string) =>
	`INSERT INTO forgotten_clients AS f (session_id) SELECT DISTINCT session_id FROM ${sessions} ORDER BY session_id
		ON CONFLICT (session_id) DO UPDATE SET since = excluded.since WHERE f.since < excluded.since - interval '1 day'`;

/**
 * Deletes clients that were not seen for 30 days, at most `most` subscriptions per call. Part of maintenance. Safe to run in
 * every process.
 *
 * @returns number of subscriptions deleted
 */
export async function forgetClients(on: Queryable, most = 5000): Promise<number> {
	const rows = await on.query(
		`WITH old AS (
			SELECT session_id, client_id, topic, n FROM topic_subscriptions
			WHERE seen_at < now() - interval '30 days' ORDER BY seen_at LIMIT $1::int FOR UPDATE SKIP LOCKED
		), noted AS (
			${noteForgotten('old')}
		)
		DELETE FROM topic_subscriptions AS t USING old
		WHERE (t.session_id, t.client_id, t.topic, t.n) = (old.session_id, old.client_id, old.topic, old.n)
		RETURNING 1 AS one`,
		[most]
	);
	// Browsers keep no cookie, and so no session, longer than 400 days (RFC 6265bis, section 5.5).
	await on.query(
		`DELETE FROM forgotten_clients WHERE session_id IN (
			SELECT session_id FROM forgotten_clients WHERE since < now() - interval '400 days' LIMIT $1::int)`,
		[most]
	);
	return rows.length;
}

/**
 * Deletes what is stored about sessions that have ended. Rows that nobody deletes are deleted by {@link forgetClients}.
 *
 * @param sessionIDs hashes, as in {@link ClientName}
 */
export async function forgetSessions(on: Queryable, sessionIDs: readonly string[]): Promise<void> {
	await on.query(
		`WITH forgotten AS (
			DELETE FROM forgotten_clients WHERE session_id = ANY ($1::text[])
		)
		DELETE FROM topic_subscriptions WHERE session_id = ANY ($1::text[])`,
		[arrayLiteral(sessionIDs)]
	);
}
