import { MAX_PRESENCE_SCOPES } from '../../protocol/index.ts';
import { carries, covers, overlap } from './names.ts';

/** What a tab needs of a stream. */
export interface Needs {
	/** Topics and wildcards. */
	names: readonly string[];
	/** Scopes in which its user is present. */
	presence: readonly string[];
	/** What it says about its user there, as JSON. A stream says one thing in all scopes. '': nothing. */
	state: string;
}

export const NOTHING: Needs = { names: [], presence: [], state: '' };

/** Most names of one stream: what the server allows if nobody has changed it (SSE_MAX_TOPICS). */
const MOST_NAMES = 32;

/** @returns true when a stream for `carried` does for `wanted` what a stream for `wanted` alone would do */
export function meets(carried: Needs, wanted: Needs): boolean {
	return (
		covers(carried.names, wanted.names) &&
		makesPresent(carried, wanted) &&
		!isMixed(carried, wanted)
	);
}

/** A `denied` does not say whether it is about a topic or about the presence in a scope of the same name. */
const isMixed = (carried: Needs, wanted: Needs): boolean =>
	carried.presence.some(
		(scope) => !wanted.presence.includes(scope) && wanted.names.some((name) => overlap(name, scope))
	) ||
	carried.names.some(
		(name) => !wanted.names.includes(name) && wanted.presence.some((scope) => overlap(name, scope))
	);

function makesPresent(carried: Needs, { presence, state }: Needs): boolean {
	return (
		presence.length === 0 ||
		(carried.state === state && presence.every((scope) => carried.presence.includes(scope)))
	);
}

/**
 * Returns what one stream carries for a tab and, as far as possible, for others: each of them whole, or not at all. A topic that
 * a wildcard of the tab brings is not named for others: it would have a subscription of its own, and bring less to the tab.
 */
export function unite(own: Needs, others: Iterable<Needs>): Needs {
	let all = own;
	for (const wanted of others) {
		const more: Needs = {
			names: [...all.names, ...wanted.names.filter((name) => !carries(all.names, name))],
			presence: [...new Set([...all.presence, ...wanted.presence])],
			state: all.presence.length === 0 ? wanted.state : all.state
		};
		const hasRoom = more.names.length <= MOST_NAMES && more.presence.length <= MAX_PRESENCE_SCOPES;
		if (hasRoom && meets(more, wanted) && meets(more, all)) all = more;
	}
	return all;
}
