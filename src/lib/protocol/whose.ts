import { LoglineError } from './errors.ts';
import type { Viewer } from './topics.ts';

/** Parameter of a request: id of the user whose page asks. A stream has it, too. */
const USER = 'user';

/**
 * Returns the address of a request that counts for one user only. If somebody else has signed in since the page was
 * rendered, the server refuses it: see {@link requireSameUser}.
 *
 * @param address relative or absolute. A fragment is left out: servers do not get it
 * @param userID id of the user for whom the page was rendered
 */
export function asUser(address: string, userID: string): string {
	const [path = ''] = address.split('#', 1);
	return `${path}${path.includes('?') ? '&' : '?'}${new URLSearchParams({ [USER]: userID })}`;
}

/**
 * Returns a `fetch` whose requests count for one user only, as {@link asUser} says.
 *
 * @param fetcher default: the global `fetch`
 */
export function fetchAs(
	userID: string,
	fetcher: typeof fetch = (input, init) => fetch(input, init)
): typeof fetch {
	return (input, init) =>
		fetcher(
			input instanceof Request
				? new Request(asUser(input.url, userID), input)
				: asUser(String(input), userID),
			init
		);
}

/**
 * Refuses a request of a page that was rendered for another user than the viewer. A request that does not say for whom
 * passes. Call it where your server finds out who asks, for example in `handle`.
 *
 * @param url of the request
 * @throws LoglineError `unauthorized`
 */
export function requireSameUser(
	{ searchParams }: Pick<URL, 'searchParams'>,
	viewer: Pick<Viewer, 'id'>
): void {
	const user = searchParams.get(USER);
	if (user === null || user === viewer.id) return;
	throw new LoglineError(
		'unauthorized',
		'Somebody else has signed in. Load the page again, or sign in as before.',
		401
	);
}
