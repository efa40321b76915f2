/** Where to go after a sign-in. */

/** An origin that nobody has, used to resolve paths. */
const HERE = 'http://logline.invalid';

/** Pages that make no sense right after a sign-in. */
const ACCOUNT_PAGES = new Set(['/login', '/signup', '/logout', '/guest']);

/**
 * Parses a `redirectTo` parameter, which anyone can put into a link. Returns a path on our own origin, percent-encoded and
 * safe for a `Location` header. Returns null for any other text, and for the account pages.
 *
 * Checking the first characters of the text is not enough. Browsers also understand other texts as "another host": they drop
 * tabs and line breaks, read `\` as `/`, and resolve `..`. So the text is parsed as browsers do it
 * (https://url.spec.whatwg.org/#concept-basic-url-parser), and the result is checked as well.
 */
export function parseRedirect(text: string | null | undefined): string | null {
	// eslint-disable-next-line no-control-regex -- control characters are what it looks for
	if (!text || text.length > 2000 || /[\\\u0000-\u001f\u007f]/.test(text)) return null;
	if (!isLocalPath(text) || !URL.canParse(text, HERE)) return null;
	const url = new URL(text, HERE);
	// `/x/..//host` is a local path until it is resolved to `//host`. A proxy may also decode `/%2fhost` before it forwards
	// it.
	const path = decodePath(url.pathname);
	if (url.origin !== HERE || path === null || !isLocalPath(path)) return null;
	if (ACCOUNT_PAGES.has(path.replace(/\/+$/, ''))) return null;
	return url.pathname + url.search + url.hash;
}

/** @returns true when the text begins with exactly one slash */
function isLocalPath(text: string): boolean {
	return /^\/(?![/\\])/.test(text);
}

function decodePath(path: string): string | null {
	try {
		return decodeURIComponent(path);
	} catch (error) {
		// SvelteKit responds with 400 to such a path.
		if (error instanceof URIError) return null;
		throw error;
	}
}
