import { arrayLiteral } from '../../database/array-literal.ts';
import { pause } from '../../database/persist.ts';
import type { Queryable } from '../../database/queryable.ts';

/** What the log knows of a user's grants, as one snapshot. */
export interface UserGrants {
	/** Scope → id of its `$granted`, for each grant that lasts. */
	open: ReadonlyMap<string, bigint>;
	/** Grants that ended after the asked position: scope → id of the newest `$revoked`. */
	closed: ReadonlyMap<string, bigint>;
	/** The newest event about this user's grants. Later ones are not in the snapshot. */
	position: bigint;
}

/** How often and how long to wait for a change that is committed, but not yet in the log. Milliseconds. */
const PATIENCE = { times: 20, ms: 50 };

/** A change of grants waits for its place in the log for too long. It has the code of a lock that was not available: try again. */
export class GrantsUnsettled extends Error {
	readonly code = '55P03';

	constructor() {
		super('Grants have been changed, and the log has not noted it yet: does a relay run?');
		this.name = 'GrantsUnsettled';
	}
}

/**
 * Reads the grants of a user.
 *
 * A request needs the open row of the history *and* the row in `grants`. When the second is missing, a revoke waits for its
 * place in the log. It will be there soon, so this waits a moment. To say that the grant has ended would be wrong: it may be
 * given again before the log notices, and then nothing has happened, and nobody would be told of it.
 *
 * @param after grants that ended after this position are returned as `closed`
 * @throws GrantsUnsettled
 */
export async function readGrants(
	on: Queryable,
	userId: string,
	after: bigint,
	signal?: AbortSignal
): Promise<UserGrants> {
	for (let attempt = 1; ; attempt++) {
		const [found] = await on.query<{ position: string; rows: string }>(
			`SELECT coalesce((SELECT greatest(max(from_id), max(until_id)) FROM grant_history WHERE user_id = $1), 0)::text AS position,
				coalesce((
					SELECT json_agg(json_build_array(h.scope, h.from_id::text, h.until_id::text, EXISTS (
						SELECT FROM grants AS g WHERE g.user_id = h.user_id AND g.scope = h.scope)) ORDER BY h.from_id)
					FROM grant_history AS h WHERE h.user_id = $1 AND (h.until_id IS NULL OR h.until_id > $2::bigint)
				), '[]')::text AS rows`,
			[userId, after.toString()],
			signal
		);
		const rows = JSON.parse(found!.rows) as [string, string, string | null, boolean][];
		if (rows.some(([, , until, granted]) => until === null && !granted)) {
			if (attempt === PATIENCE.times || signal?.aborted) throw new GrantsUnsettled();
			// The trigger that should have told the relay may be switched off.
			if (attempt === PATIENCE.times / 2) await noteLosses(on, userId);
			await pause(PATIENCE.ms, signal);
			continue;
		}
		const open = new Map<string, bigint>();
		const closed = new Map<string, bigint>();
		for (const [scope, from, until] of rows) {
			if (until === null) open.set(scope, BigInt(from));
			else if (BigInt(until) > (closed.get(scope) ?? 0n)) closed.set(scope, BigInt(until));
		}
		return { open, closed, position: BigInt(found!.position) };
	}
}

/** Returns the scopes that a request needs and that are not open. */
export type MissingScopes = (open: UserGrants['open']) => readonly string[];

/**
 * Reads the grants of a user for a request that would be refused without some of them. A grant that was given a moment ago
 * may have no place in the log yet: the request waits for it, so that nobody is refused what a page has just been promised.
 *
 * @param missing none: nothing to wait for
 * @returns also `unsettled`: one of them was granted, and the log is behind by more than a second
 * @throws GrantsUnsettled
 */
export async function readGrantsFor(
	on: Queryable,
	userId: string,
	after: bigint,
	missing: MissingScopes,
	signal?: AbortSignal
): Promise<UserGrants & { unsettled: boolean }> {
	const grants = await readGrants(on, userId, after, signal);
	const scopes = missing(grants.open);
	if (scopes.length === 0) return { ...grants, unsettled: false };
	const settled = await settleGrants(on, userId, { scopes, signal });
	if (settled !== 'waited') return { ...grants, unsettled: settled === 'late' };
	return { ...(await readGrants(on, userId, after, signal)), unsettled: false };
}

/**
 * Waits until committed grants of a user have their places in the log. Usually this takes a few milliseconds.
 *
 * @param scopes the grants that matter. Default: all of the user's
 * @returns `'at once'` when nothing had to be waited for; `'late'` when the log is behind: after a second, a grant still had no place
 */
export async function settleGrants(
	on: Queryable,
	userId: string,
	{ scopes, signal }: { scopes?: readonly string[]; signal?: AbortSignal | undefined } = {}
): Promise<'at once' | 'waited' | 'late'> {
	for (let attempt = 1; attempt <= PATIENCE.times; attempt++) {
		const [found] = await on.query<{ waits: boolean }>(
			`SELECT EXISTS (
				SELECT FROM grants AS g WHERE g.user_id = $1 AND ($2::text[] IS NULL OR g.scope = ANY ($2)) AND NOT EXISTS (
					SELECT FROM grant_history AS h
					WHERE h.user_id = g.user_id AND h.scope = g.scope AND h.until_id IS NULL)
			) AS waits`,
			[userId, scopes ? arrayLiteral(scopes) : null],
			signal
		);
		if (!found!.waits) return attempt === 1 ? 'at once' : 'waited';
		if (signal?.aborted) break;
		await pause(PATIENCE.ms, signal);
	}
	return 'late';
}

/** Notes the pairs of a user that have no grant any more, as the trigger on `grants` does. */
async function noteLosses(on: Queryable, userId: string): Promise<void> {
	await on.query(
		`WITH noted AS (
			INSERT INTO grant_losses (scope, user_id) SELECT h.scope, h.user_id FROM grant_history AS h
			WHERE h.user_id = $1 AND h.until_id IS NULL
				AND NOT EXISTS (SELECT FROM grants AS g WHERE g.user_id = h.user_id AND g.scope = h.scope)
			RETURNING 1
		)
		SELECT pg_notify('logline_outbox', '') FROM noted LIMIT 1`,
		[userId]
	);
}

/**
 * Returns since which event a user can see topics without a break. A topic with several scopes stays visible while one of
 * them is granted.
 *
 * @param topics topic → its scopes
 * @returns topics that the user cannot see are missing
 */
export async function readSince(
	on: Queryable,
	userId: string,
	topics: ReadonlyMap<string, readonly string[]>,
	signal?: AbortSignal
): Promise<Map<string, bigint>> {
	if (topics.size === 0) return new Map();
	// A scope has no space.
	const rows = await on.query<{ topic: string; since: string | null }>(
		`SELECT t.topic, logline_granted_since($1, string_to_array(t.scopes, ' '))::text AS since
		FROM unnest($2::text[], $3::text[]) AS t(topic, scopes)`,
		[
			userId,
			arrayLiteral([...topics.keys()]),
			arrayLiteral([...topics.values()].map((scopes) => scopes.join(' ')))
		],
		signal
	);
	const since = new Map<string, bigint>();
	for (const row of rows) if (row.since !== null) since.set(row.topic, BigInt(row.since));
	return since;
}
