import { arrayLiteral } from '../database/array-literal.ts';
import type { Queryable } from '../database/queryable.ts';

/** How long a server's rows count after its last heartbeat, by the clock of the database. Seconds. */
const LEASE = 9;

/** How long they count after the server has stopped. Its clients come back to another one meanwhile. Seconds. */
const FAREWELL = 3;

/** Somebody in a scope, as a row. */
export interface PresenceRow {
	scope: string;
	userId: string;
	name: string;
	/** JSON text of an object. */
	state: string;
}

/** A scope that is read. */
export interface WatchedScope {
	scope: string;
	/** A user counts who is granted one of these. Empty: everybody counts. */
	needs: readonly string[];
}

/** Who is present, and how far that can be trusted. */
export interface PresenceSnapshot {
	rows: PresenceRow[];
	/** False: the reader's own incarnation is gone, so rows of others may be missing, too. */
	alive: boolean;
	/** Milliseconds until the first lease of another server ends. null: there is no other. */
	endsInMs: number | null;
}

/** SQL: tells the servers that scopes have changed. The payload of a notification has less than 8,000 octets. */
const tell = (scopes: string) => `(
	SELECT count(pg_notify('logline_presence', page)) FROM (
		SELECT string_agg(scope, E'\n') AS page FROM (
			SELECT scope, (row_number() OVER () - 1) / 30 AS n FROM (SELECT DISTINCT scope FROM ${scopes}) AS one
		) AS numbered GROUP BY n
	) AS pages
)`;

/**
 * Renews the lease of an incarnation, and deletes what others left whose leases are over.
 *
 * @returns number of rows of the incarnation; null: it is gone, or its lease was over
 */
export async function renewLease(on: Queryable, incarnation: string): Promise<number | null> {
	const [row] = await on.query<{ renewed: boolean; rows: number }>(
		`WITH over AS (
			SELECT incarnation FROM presence_servers WHERE leased_until < now() FOR UPDATE SKIP LOCKED
		), dead AS (
			DELETE FROM presence_servers USING over WHERE presence_servers.incarnation = over.incarnation
		), gone AS (
			DELETE FROM presence USING over WHERE presence.incarnation = over.incarnation RETURNING scope
		), renewed AS (
			UPDATE presence_servers SET leased_until = now() + interval '${LEASE} s'
			WHERE incarnation = $1::uuid AND leased_until >= now() RETURNING 1
		)
		SELECT EXISTS (SELECT FROM renewed) AS renewed, ${tell('gone')} AS told,
			(SELECT count(*)::int FROM presence WHERE incarnation = $1::uuid) AS rows`,
		[incarnation]
	);
	return row!.renewed ? row!.rows : null;
}

/** Begins the lease of a new incarnation, and deletes rows without a server, which count for nobody. */
export async function beginLease(on: Queryable, incarnation: string): Promise<void> {
	await on.query(
		`WITH orphans AS (
			DELETE FROM presence AS p
			WHERE NOT EXISTS (SELECT FROM presence_servers AS s WHERE s.incarnation = p.incarnation)
		)
		INSERT INTO presence_servers (incarnation, leased_until) VALUES ($1::uuid, now() + interval '${LEASE} s')`,
		[incarnation]
	);
}

/** Lets the lease of a server that stops end soon. */
export async function endLease(on: Queryable, incarnation: string): Promise<void> {
	await on.query(
		`UPDATE presence_servers SET leased_until = least(leased_until, now() + interval '${FAREWELL} s') WHERE incarnation = $1::uuid`,
		[incarnation]
	);
}

/**
 * Writes who is present through an incarnation now, and who is not any more.
 *
 * @returns false: the incarnation is gone, and nothing was added
 */
export async function writePresence(
	on: Queryable,
	incarnation: string,
	put: readonly PresenceRow[],
	gone: readonly Pick<PresenceRow, 'scope' | 'userId'>[]
): Promise<boolean> {
	const [row] = await on.query<{ alive: boolean }>(
		`WITH alive AS (
			SELECT FROM presence_servers WHERE incarnation = $1::uuid AND leased_until >= now()
		), put AS (
			INSERT INTO presence AS p (incarnation, scope, user_id, name, state)
			SELECT $1::uuid, scope, user_id, name, state::jsonb
			FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS n(scope, user_id, name, state)
			WHERE EXISTS (SELECT FROM alive)
			ON CONFLICT (scope, user_id, incarnation) DO UPDATE SET name = excluded.name, state = excluded.state, since = now()
			WHERE (p.name, p.state) IS DISTINCT FROM (excluded.name, excluded.state)
			RETURNING scope
		), gone AS (
			DELETE FROM presence AS p USING unnest($6::text[], $7::text[]) AS g(scope, user_id)
			WHERE p.incarnation = $1::uuid AND p.scope = g.scope AND p.user_id = g.user_id
			RETURNING p.scope
		)
		SELECT EXISTS (SELECT FROM alive) AS alive,
			${tell('(SELECT scope FROM put UNION ALL SELECT scope FROM gone) AS changed')} AS told`,
		[
			incarnation,
			arrayLiteral(put.map(({ scope }) => scope)),
			arrayLiteral(put.map(({ userId }) => userId)),
			arrayLiteral(put.map(({ name }) => name)),
			arrayLiteral(put.map(({ state }) => state)),
			arrayLiteral(gone.map(({ scope }) => scope)),
			arrayLiteral(gone.map(({ userId }) => userId))
		]
	);
	return row!.alive;
}

/**
 * Reads who is present in some scopes. Of a user who is there through several servers, the newest row counts.
 *
 * @param incarnation of the reader; null: it has none
 */
export async function readPresence(
	on: Queryable,
	incarnation: string | null,
	scopes: readonly WatchedScope[]
): Promise<PresenceSnapshot> {
	const [found] = await on.query<{ rows: string; alive: boolean; ends: number | null }>(
		`SELECT
			EXISTS (SELECT FROM presence_servers WHERE incarnation = $1::uuid AND leased_until >= now()) AS alive,
			(SELECT extract(epoch FROM min(leased_until) - now())::float8 * 1000 FROM presence_servers
				WHERE incarnation IS DISTINCT FROM $1::uuid AND leased_until >= now()) AS ends,
			coalesce((SELECT json_agg(json_build_array(scope, user_id, name, state::text)) FROM (
				SELECT DISTINCT ON (p.scope, p.user_id) p.scope, p.user_id, p.name, p.state
				FROM unnest($2::text[], $3::text[]) AS w(scope, needs)
				JOIN presence AS p USING (scope)
				JOIN presence_servers AS s ON s.incarnation = p.incarnation AND s.leased_until >= now()
				WHERE w.needs = '' OR EXISTS (
					SELECT FROM grant_history AS h WHERE h.user_id = p.user_id
						AND h.scope = ANY (string_to_array(w.needs, ' ')) AND h.until_id IS NULL)
				ORDER BY p.scope, p.user_id, p.since DESC
			) AS present), '[]')::text AS rows`,
		[
			incarnation,
			arrayLiteral(scopes.map(({ scope }) => scope)),
			// A scope has no space.
			arrayLiteral(scopes.map(({ needs }) => needs.join(' ')))
		]
	);
	const rows = (JSON.parse(found!.rows) as [string, string, string, string][]).map(
		([scope, userId, name, state]) => ({ scope, userId, name, state })
	);
	return { rows, alive: found!.alive, endsInMs: found!.ends };
}
