/**
 * Headers of every response. Referrers stay on this site: with `no-referrer`, browsers would send forms with `Origin: null`.
 */
const EVERYWHERE: Readonly<Record<string, string>> = {
	'x-content-type-options': 'nosniff',
	'referrer-policy': 'same-origin',
	'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
	// For browsers that do not know `frame-ancestors`.
	'x-frame-options': 'DENY'
};

/** One year, the minimum that browsers' preload lists require. For this host only: its subdomains may belong to others. */
const HSTS = 'max-age=31536000';

/**
 * For responses that are not pages of SvelteKit: JSON, and error.html with its style and icon. The policy of pages is in
 * svelte.config.js.
 */
export const NO_PAGE =
	"default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Where the build puts the scripts of workers, and the files that these load. */
const WORKERS = '/_app/immutable/workers/';

/**
 * For workers, which have a policy of their own and not that of their page: the database of `/log/sql` is WebAssembly. No page
 * may compile any.
 *
 * @see https://www.w3.org/TR/CSP3/#initialize-global-object-csp
 */
export const IN_WORKERS =
	"default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; frame-ancestors 'none'";

/** @param url of a request, as HTTP has it */
export const isForWorkers = (url: string | undefined): boolean => url?.startsWith(WORKERS) ?? false;

/**
 * Adds the security headers to a response. A response of the application may contain private data, so caches must not store
 * it unless it says otherwise. Therefore, after a sign-out, the browser's "Back" sends a new request.
 *
 * @see https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
 */
export function secureResponse(response: Response, url: URL): Response {
	const { headers } = response;
	for (const [name, value] of Object.entries(EVERYWHERE)) headers.set(name, value);
	if (url.protocol === 'https:') headers.set('strict-transport-security', HSTS);
	if (!headers.has('content-security-policy')) headers.set('content-security-policy', NO_PAGE);
	if (!headers.has('cache-control')) headers.set('cache-control', 'private, no-store');
	return response;
}

/**
 * Returns the headers for responses that the application does not create: files, and requests that are refused earlier.
 *
 * @param origin the public address of the site, as users type it
 */
export function headersOfAll(origin: string | undefined): Map<string, string> {
	const headers = new Map(Object.entries(EVERYWHERE));
	headers.set('content-security-policy', "frame-ancestors 'none'");
	if (origin?.startsWith('https:')) headers.set('strict-transport-security', HSTS);
	return headers;
}
