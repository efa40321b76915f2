import type { FoundTopic } from './registry.ts';
import type { Viewer } from './topics.ts';

/** Somebody who is present in a scope: at least one of the user's streams asks for it. */
export interface PresentUser {
	/** Id of the user. */
	id: string;
	name: string;
	/** What the client says about itself, for example `{ status: 'away' }`. */
	state: Record<string, unknown>;
}

/** Data of `presence`: everybody who is there, or what has changed since. */
export type PresenceChange =
	| { scope: string; users: PresentUser[] }
	| {
			scope: string;
			/** Who has come, or says something else now. */
			joined: PresentUser[];
			/** Ids of those who have gone. */
			left: string[];
	  };

/** Returns who is present in a scope after a change. Pure. */
export function presentAfter(
	before: readonly PresentUser[],
	change: PresenceChange
): readonly PresentUser[] {
	if ('users' in change) return change.users;
	const gone = new Set([...change.left, ...change.joined.map(({ id }) => id)]);
	return [...before.filter(({ id }) => !gone.has(id)), ...change.joined];
}

/** Most scopes that one stream asks for. */
export const MAX_PRESENCE_SCOPES = 50;

/** Longest state, in octets of JSON. */
export const MAX_STATE_OCTETS = 1000;

/**
 * Returns the scopes of which the viewer must be granted one to be present in a scope. Empty: no grant is needed. null: the
 * viewer may not be there. Pure.
 */
export function presenceNeeds(
	{ pattern, definition }: Pick<FoundTopic, 'pattern' | 'definition'>,
	scope: string,
	viewer: Viewer
): readonly string[] | null {
	const { access = 'signed-in' } = definition;
	if (access === 'signed-in') return [];
	if (access === 'granted') return [...new Set(pattern.scopesOf(scope))];
	const params = pattern.paramsOfScope(scope);
	// The rule needs all parameters.
	return params && access(viewer, params) ? [] : null;
}
