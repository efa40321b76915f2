import { arrayLiteral } from '../log/array-literal.ts';
import type { Queryable } from '../database/client.ts';
import type { RequestedTopic, SubscriptionRow } from './topic-safety.ts';

/** Whose subscriptions: one client of one session. */
export interface ClientName {
	/** `sessions.id`: the hash, not the cookie. */
	sessionID: string;
	/** '' is the unnamed client of the session. */
	clientID: string;
}

/** Reads the subscriptions of a client. */
export async function readSubscriptions(
	on: Queryable,
	client: ClientName
): Promise<SubscriptionRow[]> {
	const rows = await on.query<{ topic: string; n: number; since: string }>(
		'SELECT topic, n, since::text FROM topic_subscriptions WHERE session_id = $1 AND client_id = $2',
		[client.sessionID, client.clientID]
	);
	return rows.map((row) => ({ topic: row.topic, n: row.n, since: BigInt(row.since) }));
}

/**
 * Records subscriptions and removes obsolete ones. A subscription that another request recorded meanwhile keeps its
 * earlier `since`: it holds just as well.
 */
export async function writeSubscriptions(
	on: Queryable,
	client: ClientName,
	change: { add: readonly RequestedTopic[]; since: bigint; remove: readonly RequestedTopic[] }
): Promise<void> {
	const names = (topics: readonly RequestedTopic[]) =>
		arrayLiteral(topics.map(({ topic }) => topic));
	const counts = (topics: readonly RequestedTopic[]) =>
		arrayLiteral(topics.map(({ n }) => String(n)));
	await on.query(
		`WITH removed AS (
			DELETE FROM topic_subscriptions AS s
			USING unnest($5::text[], $6::text[]::int[]) AS r(topic, n)
			WHERE s.session_id = $1 AND s.client_id = $2 AND s.topic = r.topic AND s.n = r.n
		)
		INSERT INTO topic_subscriptions (session_id, client_id, topic, n, since)
		SELECT $1, $2, a.topic, a.n, $7::bigint FROM unnest($3::text[], $4::text[]::int[]) AS a(topic, n)
		ON CONFLICT DO NOTHING`,
		[
			client.sessionID,
			client.clientID,
			names(change.add),
			counts(change.add),
			names(change.remove),
			counts(change.remove),
			change.since.toString()
		]
	);
}
