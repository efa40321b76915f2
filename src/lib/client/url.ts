/** Parameters of a request for a stream. */
export interface StreamQuery {
	/** Each as `name@n` or `name@n:id`. */
	topics: readonly string[];
	client: string;
	/** Id of the last received event; null before the first. */
	cursor: string | null;
	/** Epoch of the cursor's log, when it is known. */
	log: string | null;
	/** Id of the user whose events the client has, when it is known. */
	user: string | null;
	/** Scopes in which the client is present. */
	presence?: readonly string[];
	/** What the client says about itself there. */
	state?: Readonly<Record<string, unknown>> | undefined;
}

const OURS = ['topics', 'client', 'lastEventID', 'lastEventId', 'log', 'user', 'presence', 'state'];

/**
 * Returns the address of a stream.
 *
 * @param base relative or absolute; its own query parameters are kept, except those with one of our names
 */
export function streamURL(base: string, request: StreamQuery): string {
	const { path, query } = split(base);
	for (const topic of request.topics) query.append('topics', topic);
	query.set('client', request.client);
	if (request.cursor !== null) query.set('lastEventID', request.cursor);
	if (request.log !== null) query.set('log', request.log);
	if (request.user !== null) query.set('user', request.user);
	for (const scope of request.presence ?? []) query.append('presence', scope);
	if (request.presence?.length && request.state) query.set('state', JSON.stringify(request.state));
	return `${path}?${query}`;
}

/** Returns an address without the parameters of a request. */
export function bareURL(address: string): string {
	const { path, query } = split(address);
	return `${path}?${query}`;
}

function split(base: string): { path: string; query: URLSearchParams } {
	const [address = ''] = base.split('#', 1);
	const mark = address.indexOf('?');
	const path = mark < 0 ? address : address.slice(0, mark);
	const query = new URLSearchParams(mark < 0 ? '' : address.slice(mark + 1));
	for (const name of OURS) query.delete(name);
	return { path, query };
}
