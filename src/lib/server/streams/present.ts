import { LoglineError, type PresentUser, type TopicRegistry } from '../../protocol/index.ts';
import type { Queryable } from '../database/queryable.ts';
import { presentUser } from '../delivery/presence/scope-list.ts';
import { readPresence } from '../log/presence.ts';

/**
 * Returns who is present in a scope now.
 *
 * @throws LoglineError `invalid_scope`
 */
export async function readPresent(
	{ topics, pool }: { topics: TopicRegistry; pool: Queryable },
	scope: string
): Promise<PresentUser[]> {
	const found = topics.findPresence(scope);
	if (!found) {
		throw new LoglineError(
			'invalid_scope',
			`"${scope.slice(0, 60)}" is not a scope of a pattern that is declared with \`presence: true\`.`
		);
	}
	const { access } = found.definition;
	const needs = access === 'granted' ? [...new Set(found.pattern.scopesOf(scope))] : [];
	const { rows } = await readPresence(pool, null, [{ scope, needs }]);
	return rows.map(presentUser);
}
