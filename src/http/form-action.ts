/**
 * Returns true when a request names a form action that no page can have. SvelteKit looks the name up as a property of the
 * page's actions object, and every object has inherited names such as `constructor`. SvelteKit also reserves `default` and
 * treats it as an internal error. For any other unknown name, SvelteKit responds with 404.
 *
 * @see https://svelte.dev/docs/kit/form-actions#Named-actions
 */
export function isNoAction(request: Request, url: URL): boolean {
	if (request.method !== 'POST') return false;
	for (const key of url.searchParams.keys()) {
		if (!key.startsWith('/')) continue;
		const name = key.slice(1);
		return name === 'default' || name in Object.prototype;
	}
	return false;
}
