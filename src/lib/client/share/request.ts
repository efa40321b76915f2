import type { Needs } from './needs.ts';

/** What the address of a stream asks for. */
export interface SharedRequest extends Needs {
	url: string;
	/** null: it begins at the beginning. */
	cursor: string | null;
	log: string | null;
	user: string | null;
}

export function readRequest(url: string, base: string): SharedRequest {
	const { searchParams } = new URL(url, base);
	return {
		url,
		names: searchParams.getAll('topics').map((topic) => topic.replace(/@.*/, '')),
		presence: searchParams.getAll('presence'),
		state: searchParams.get('state') ?? '',
		cursor: searchParams.get('lastEventID'),
		log: searchParams.get('log'),
		user: searchParams.get('user')
	};
}

/**
 * Adds needs of others to a request. Their names begin at its cursor: nothing that is older is wanted. They stand behind its own
 * names, so its own wildcards bring what they can. The count is 0 because the client itself never uses it again: it counts up
 * when it subscribes anew.
 */
export function withNeeds(request: SharedRequest, { names, presence, state }: Needs): string {
	const { url, cursor } = request;
	const moreNames = names.filter((name) => !request.names.includes(name));
	const moreScopes = presence.filter((scope) => !request.presence.includes(scope));
	const isFirstPresent = request.presence.length === 0 && moreScopes.length > 0;
	const query = [
		...moreNames.map((name) => {
			const last = name.includes('*') || cursor === '0' ? '' : `:${cursor}`;
			return ['topics', `${name}@0${last}`];
		}),
		...moreScopes.map((scope) => ['presence', scope]),
		...(isFirstPresent && state !== '' ? [['state', state]] : [])
	];
	return url + query.map(([key, value]) => `&${key}=${encodeURIComponent(value!)}`).join('');
}
