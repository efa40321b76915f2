/** Smaller bodies are not compressed. Bytes. */
const LEAST = 1024;
const TYPES = /^(text\/html|text\/plain|application\/json)\b/;

/**
 * Compresses pages and JSON for clients that accept gzip. SvelteKit compresses built files, but not rendered responses.
 * Event streams are not compressed: their bytes must be sent immediately.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110.html#name-accept-encoding
 */
export function compress(request: Request, response: Response): Response {
	const { body, headers } = response;
	if (!body || request.method === 'HEAD' || !TYPES.test(headers.get('content-type') ?? '')) {
		return response;
	}
	headers.append('vary', 'accept-encoding');
	const length = headers.get('content-length');
	if (
		headers.has('content-encoding') ||
		headers.get('cache-control')?.includes('no-transform') ||
		(length !== null && Number(length) < LEAST) ||
		!takesGzip(request.headers.get('accept-encoding') ?? '')
	) {
		return response;
	}
	headers.delete('content-length');
	headers.set('content-encoding', 'gzip');
	// Node's types and the browser's types declare this stream differently.
	const gzip = new CompressionStream('gzip') as ReadableWritablePair<Uint8Array, Uint8Array>;
	return new Response(body.pipeThrough(gzip), {
		status: response.status,
		statusText: response.statusText,
		headers
	});
}

/** @returns true when an Accept-Encoding header allows gzip: it is named, and its quality is not 0 */
export function takesGzip(accepted: string): boolean {
	return accepted.split(',').some((coding) => {
		const [name = '', ...parameters] = coding.split(';').map((part) => part.trim().toLowerCase());
		const quality = parameters.find((parameter) => parameter.startsWith('q='));
		return (name === 'gzip' || name === 'x-gzip') && Number(quality?.slice(2) ?? 1) > 0;
	});
}
