import { LoglineError, type TopicRegistry } from '../../../protocol/index.ts';
import type { Queryable } from '../../database/queryable.ts';
import { isName, requireUser } from '../accept.ts';
import { inTransaction, literal, nameIn } from '../transaction.ts';
import type { Transaction } from '../types.ts';

/** A grant, as an application gives it or takes it back. */
export interface Grant {
	/** Beginning of topics, up to the value of a parameter: `rooms/42`. */
	scope: string;
	userID: string;
	/**
	 * Who says it. A user keeps a scope until every source has taken it back. Default: `''`. At most 200 octets.
	 */
	source?: string | undefined;
}

/** Longest source of a grant, in UTF-8 octets. */
const MAX_SOURCE_OCTETS = 200;

/**
 * Checks a grant before it is written.
 *
 * @throws LoglineError `invalid_scope`, `invalid_user`, `invalid_source`
 */
export function checkGrant(registry: TopicRegistry, { scope, userID, source = '' }: Grant): void {
	if (!registry.hasScope(scope)) {
		throw new LoglineError(
			'invalid_scope',
			`"${scope.slice(0, 60)}" is not a scope of a declared topic. ${example(registry)}`
		);
	}
	requireUser(userID);
	if (source !== '' && !isName(source, MAX_SOURCE_OCTETS)) {
		throw new LoglineError(
			'invalid_source',
			'A source has at most 200 octets of UTF-8, no NUL and no half of a surrogate pair.'
		);
	}
}

function example(registry: TopicRegistry): string {
	const pattern = registry.keys().find((text) => text.includes('['));
	if (!pattern) return 'No declared topic has a parameter, as "rooms/[room]/messages" has.';
	const scope = pattern.slice(0, pattern.indexOf(']') + 1).replace(/\[[^\]]+\]/, '42');
	return `For "${pattern}" it is "${scope}".`;
}

/** Gives a grant. Giving it again changes nothing. */
export function giveGrant(
	on: Queryable,
	schema: string,
	{ scope, userID, source = '' }: Grant,
	tx?: Transaction
): Promise<unknown> {
	const insert = (from: string, values: [string, string, string], table: string) =>
		`INSERT INTO ${table} (scope, user_id, source) SELECT ${values.join(', ')} ${from} ON CONFLICT DO NOTHING`;
	if (!tx) {
		return on.query(insert('', ['$1::text', '$2::text', '$3::text'], 'grants'), [
			scope,
			userID,
			source
		]);
	}
	const values = [literal(scope), literal(userID), literal(source)] as [string, string, string];
	const added = insert('FROM here', values, nameIn(schema, 'grants'));
	return inTransaction(
		tx,
		(when) =>
			`WITH here AS (SELECT 1 AS one WHERE ${when}), added AS (${added}) SELECT one FROM here`
	);
}

/** Takes a grant back. Taking back what was not given changes nothing. */
export function takeGrant(
	on: Queryable,
	schema: string,
	{ scope, userID, source = '' }: Grant,
	tx?: Transaction
): Promise<unknown> {
	if (!tx) {
		return on.query('DELETE FROM grants WHERE scope = $1 AND user_id = $2 AND source = $3', [
			scope,
			userID,
			source
		]);
	}
	const gone = `DELETE FROM ${nameIn(schema, 'grants')} USING here
		WHERE scope = ${literal(scope)} AND user_id = ${literal(userID)} AND source = ${literal(source)}`;
	return inTransaction(
		tx,
		(when) => `WITH here AS (SELECT 1 AS one WHERE ${when}), gone AS (${gone}) SELECT one FROM here`
	);
}
