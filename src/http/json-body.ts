import { LoglineError } from 'logline';
import { bodyLimit } from './body-limit.ts';

/**
 * Reads the JSON body of a request, up to a maximum size.
 *
 * @param maxBytes maximum size in bytes; the server's own limit also applies
 * @throws LoglineError `body_too_large` (413); `invalid_body` when it is not JSON
 */
export function readJsonBody(request: Request, maxBytes: number): Promise<unknown> {
	return readJson(chunksOf(request), request.headers.get('content-length'), maxBytes);
}

/**
 * The same for the chunks of a body.
 *
 * @param declared the `content-length` header
 */
export async function readJson(
	chunks: AsyncIterable<Uint8Array>,
	declared: string | null | undefined,
	maxBytes: number
): Promise<unknown> {
	const limit = Math.min(maxBytes, bodyLimit());
	// Check the header first, because adapter-node refuses a very large body with its own error.
	if (Number(declared) > limit) throw tooLarge(limit);
	const bytes = await readBytes(chunks, limit);
	try {
		return JSON.parse(UTF_8.decode(bytes));
	} catch {
		throw new LoglineError('invalid_body', 'The body must be JSON in UTF-8.');
	}
}

/**
 * Returns the chunks of a request's body. It does not cancel the body when reading ends early: that would close the connection
 * before the client can read the response. http/server.ts drops the rest of the body after the response has been sent.
 */
export async function* chunksOf({ body }: Request): AsyncGenerator<Uint8Array, void, void> {
	if (!body) return;
	const reader = body.getReader();
	for (;;) {
		const { done, value } = await reader.read();
		if (done) return;
		yield value;
	}
}

/** Other bytes than UTF-8 are refused: replaced ones would make two different keys equal. */
const UTF_8 = new TextDecoder('utf-8', { fatal: true });

async function readBytes(chunks: AsyncIterable<Uint8Array>, limit: number): Promise<Uint8Array> {
	const read: Uint8Array[] = [];
	let length = 0;
	try {
		for await (const chunk of chunks) {
			length += chunk.byteLength;
			// The declared length may be missing or wrong.
			if (length > limit) throw tooLarge(limit);
			read.push(chunk);
		}
	} catch (error) {
		// adapter-node's own limit was reached. Replace its error.
		throw (error as { status?: unknown }).status === 413 ? tooLarge(limit) : error;
	}
	return Buffer.concat(read);
}

const tooLarge = (bytes: number) =>
	new LoglineError('body_too_large', `The body must be at most ${bytes} bytes.`, 413);
