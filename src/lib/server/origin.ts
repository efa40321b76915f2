/** Methods that change nothing (RFC 9110, section 9.2.1). */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Whether a request that may change something was made by another site's page. Covers JSON as well as forms, which
 * SvelteKit's own check does not. A request without either header was not made by a page: browsers always send one.
 *
 * @see https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
 */
export function isForeignWrite(request: Request, url: URL): boolean {
	if (SAFE.has(request.method)) return false;
	const site = request.headers.get('sec-fetch-site');
	if (site === 'cross-site' || site === 'same-site') return true;
	const origin = request.headers.get('origin');
	return origin !== null && origin !== url.origin;
}
