import { LoglineError } from 'logline';
import { bodyLimit } from './body-limit.ts';

/**
 * Reads the JSON body of a request, up to a maximum size.
 *
 * @param maxBytes maximum size in bytes; the server's own limit also applies
 * @throws LoglineError `body_too_large` (413); `invalid_body` when it is not JSON
 */
export async function readJsonBody(request: Request, maxBytes: number): Promise<unknown> {
	const limit = Math.min(maxBytes, bodyLimit());
	// Check the header first, because adapter-node refuses a very large body with its own error.
	if (Number(request.headers.get('content-length')) > limit) throw tooLarge(limit);
	const text = await readText(request, limit);
	try {
		return JSON.parse(text);
	} catch {
		throw new LoglineError('invalid_body', 'The body must be JSON.');
	}
}

async function readText(request: Request, limit: number): Promise<string> {
	if (!request.body) return '';
	// The declared length may be missing or wrong, so count the bytes.
	const reader = request.body.getReader();
	const chunks: Uint8Array[] = [];
	let length = 0;
	for (;;) {
		const { done, value } = await reader.read().catch((error: unknown) => {
			// adapter-node's own limit was reached. Replace its error.
			throw (error as { status?: unknown }).status === 413 ? tooLarge(limit) : error;
		});
		if (done) return Buffer.concat(chunks).toString('utf8');
		length += value.byteLength;
		// Do not cancel the reader: that would close the connection before the client can read the response. http/server.ts
		// drops the rest of the body after the response has been sent.
		if (length > limit) throw tooLarge(limit);
		chunks.push(value);
	}
}

const tooLarge = (bytes: number) =>
	new LoglineError('body_too_large', `The body must be at most ${bytes} bytes.`, 413);
