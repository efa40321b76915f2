import type { App } from '../app.ts';
import { parseStreamRequest } from './request.ts';

/** A request for a stream, independent of the server that received it. */
export interface StreamAsked {
	searchParams: URLSearchParams;
	headers: Pick<Headers, 'get'>;
	/** Value of the session cookie. */
	token: string | undefined;
	/** Aborts when the client disconnects before the response. */
	gone: AbortSignal;
}

/**
 * Responds to `GET /api/events`.
 *
 * @throws LoglineError of `parseStreamRequest` and `Streams.open`
 */
export function openStream(
	{ auth, config, streams }: Pick<App, 'auth' | 'config' | 'streams'>,
	{ searchParams, headers, token, gone }: StreamAsked
): Promise<Response> {
	const wanted = parseStreamRequest({ searchParams }, headers, config);
	return streams.open(token ? auth.hashToken(token) : null, wanted, gone);
}
