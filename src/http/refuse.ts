import type { LoglineError, ErrorBody } from 'logline';
import { refusalHeaders } from 'logline/server';

/** A complete response. */
export interface Answer {
	status: number;
	headers: Record<string, string>;
	body: string;
}

/** The properties of a request that decide the form of a refusal. */
export interface Asked {
	method: string;
	pathname: string;
	header: (name: string) => string | null | undefined;
	/** True when SvelteKit requests the data of a page. */
	isDataRequest: boolean;
}

export const toResponse = ({ status, headers, body }: Answer): Response =>
	new Response(body, { status, headers });

/**
 * Returns the response for a request that failed before or instead of its page. The format depends on the client: HTML for
 * people, JSON for programs and for SvelteKit's own requests.
 *
 * @param page the HTML, with the placeholders of SvelteKit's error page
 * @see https://svelte.dev/docs/kit/errors#Responses
 */
export function refuse(
	{ method, pathname, header, isDataRequest }: Asked,
	failure: LoglineError,
	page: string
): Answer {
	const { status, code, message } = failure;
	if (isDataRequest) return jsonRefusal(failure, { code, message });
	if (header('x-sveltekit-action') === 'true') {
		return jsonRefusal(failure, { type: 'error', error: { code, message } });
	}
	if (pathname.startsWith('/api/') || !header('accept')?.includes('text/html')) {
		return jsonRefusal(failure);
	}
	const safe = method === 'GET' || method === 'HEAD';
	const again = safe && failure.retryAfter !== undefined;
	const hint = again
		? '<p>This page tries again by itself.</p>'
		: safe
			? ''
			: '<p>Go back to see what you have typed, and send it again.</p>';
	const body = page
		.replaceAll('%sveltekit.status%', String(status))
		.replace('%sveltekit.error.message%', () => escape(message))
		.replace('<!--hint-->', hint);
	const headers = headersOf(failure, 'text/html; charset=utf-8');
	// Random, so that not all pages reload in the same second.
	if (again) headers.refresh = String(Math.round(5 + 5 * Math.random()));
	return { status, headers, body };
}

/** A refusal for programs. */
export function jsonRefusal(
	failure: LoglineError,
	body: object = { error: { code: failure.code, message: failure.message } } satisfies ErrorBody
): Answer {
	return {
		status: failure.status,
		headers: headersOf(failure, 'application/json'),
		body: JSON.stringify(body)
	};
}

/** A successful response for programs. */
export function jsonAnswer(body: object): Answer {
	const headers = { 'content-type': 'application/json', 'cache-control': 'private, no-store' };
	return { status: 200, headers, body: JSON.stringify(body) };
}

function headersOf(failure: LoglineError, type: string): Record<string, string> {
	return { 'content-type': type, ...refusalHeaders(failure) };
}

const escape = (text: string) =>
	text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
