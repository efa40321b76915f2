/** Where to go after signing in. */

/** An origin nobody has, to resolve paths against. */
const HERE = 'http://logline.invalid';

/** Pages that lead nowhere when one has just signed in. */
const ACCOUNT_PAGES = new Set(['/login', '/signup', '/logout']);

/**
 * Reads a `redirectTo` that anybody may have put into a link. What it answers is a path on our own origin, percent-encoded
 * and fit for a `Location` header; null when the text is anything else, or would lead back to the account pages.
 *
 * Browsers read more as "another host" than a look at the first characters shows: they drop tabs and line breaks, take `\`
 * for `/`, and resolve `..`. So the text is parsed as they do it (https://url.spec.whatwg.org/#concept-basic-url-parser), and
 * the result is checked, not the input alone.
 */
export function parseRedirect(text: string | null | undefined): string | null {
	// eslint-disable-next-line no-control-regex -- control characters are what it looks for
	if (!text || text.length > 2000 || /[\\\u0000-\u001f\u007f]/.test(text)) return null;
	if (!isLocalPath(text) || !URL.canParse(text, HERE)) return null;
	const url = new URL(text, HERE);
	// `/x/..//host` is a local path until it is shortened to `//host`; and a proxy may decode `/%2fhost` before it passes it on.
	const path = decodePath(url.pathname);
	if (url.origin !== HERE || path === null || !isLocalPath(path)) return null;
	if (ACCOUNT_PAGES.has(path.replace(/\/+$/, ''))) return null;
	return url.pathname + url.search + url.hash;
}

/** Whether it begins with exactly one slash. */
function isLocalPath(text: string): boolean {
	return /^\/(?![/\\])/.test(text);
}

function decodePath(path: string): string | null {
	try {
		return decodeURIComponent(path);
	} catch (error) {
		// SvelteKit answers 400 to such a path.
		if (error instanceof URIError) return null;
		throw error;
	}
}
