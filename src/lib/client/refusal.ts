/**
 * The server responded to a request for a stream with an error. An EventSource cannot read the error, so the client sends
 * the request again with fetch to read it.
 */
export class StreamRefused extends Error {
	override readonly name = 'StreamRefused';
	/** HTTP status, such as 429. */
	readonly status: number;
	/** Error code of the server, such as `too_many_connections`; '' when there was none. */
	readonly code: string;
	/** Milliseconds after which the server allows a retry; null: not given. */
	readonly retryAfter: number | null;

	constructor(message: string, told: { status: number; code: string; retryAfter: number | null }) {
		super(message);
		this.status = told.status;
		this.code = told.code;
		this.retryAfter = told.retryAfter;
	}
}

/** Longest wait that a server can ask for, in milliseconds. */
const MAX_RETRY_AFTER = 300_000;

/**
 * Asks why a stream was refused.
 *
 * @param fetcher must use the same credentials as the stream
 * @param signal aborts the request
 * @returns null when the stream would not be refused now
 * @throws any error of `fetch`: the reason is unknown then
 */
export async function askWhyRefused(
	url: string,
	fetcher: typeof fetch,
	signal: AbortSignal
): Promise<StreamRefused | null> {
	const response = await fetcher(url, { signal, headers: { accept: 'application/json' } });
	if (!response.ok) return refusalOf(response);
	await response.body?.cancel();
	if (response.headers.get('content-type')?.startsWith('text/event-stream')) return null;
	return new StreamRefused('Something other than the stream was answered.', {
		status: response.status,
		code: 'no_stream',
		retryAfter: null
	});
}

/** Reads why the server refused a request. */
export async function refusalOf(response: Response): Promise<StreamRefused> {
	const { status } = response;
	const seconds = Number(response.headers.get('retry-after') ?? NaN);
	const retryAfter = seconds >= 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER) : null;
	const { code, message } = readError(await response.text());
	return new StreamRefused(message ?? `The server answered ${status}.`, {
		status,
		code: code ?? '',
		retryAfter
	});
}

/** A proxy in between may respond with something other than JSON. */
function readError(text: string): { code?: string; message?: string } {
	let body: unknown;
	try {
		body = JSON.parse(text);
	} catch (error) {
		if (error instanceof SyntaxError) return {};
		throw error;
	}
	const error = isRecord(body) && isRecord(body.error) ? body.error : {};
	const texts: { code?: string; message?: string } = {};
	if (typeof error.code === 'string') texts.code = error.code;
	if (typeof error.message === 'string') texts.message = error.message;
	return texts;
}

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null;
}
