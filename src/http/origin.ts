import { LoglineError } from 'logline';

/** Methods that change nothing (RFC 9110, section 9.2.1). */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Returns true when a request that may change something comes from a page of another site. It covers JSON as well as forms;
 * SvelteKit's own check covers only forms. A request without either header does not come from a page: browsers always send
 * one of them.
 *
 * @see https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
 */
export function isForeignWrite(
	request: Pick<Request, 'method'> & { headers: Pick<Headers, 'get'> },
	url: Pick<URL, 'origin'>
): boolean {
	if (SAFE.has(request.method)) return false;
	const site = request.headers.get('sec-fetch-site');
	if (site === 'cross-site' || site === 'same-site') return true;
	const origin = request.headers.get('origin');
	return origin !== null && origin !== url.origin;
}

/** The refusal of such a request. */
export const foreignOrigin = (): LoglineError =>
	new LoglineError(
		'foreign_origin',
		'Requests that change something must come from this site.',
		403
	);
