import { LoglineError } from '$lib/protocol';

/**
 * Reads the JSON body of a request, and no more of it than allowed.
 *
 * @param maxBytes bytes at most
 * @throws LoglineError `invalid_body` when it is too large or not JSON.
 */
export async function readJsonBody(request: Request, maxBytes: number): Promise<unknown> {
	// Asked first, because adapter-node refuses a very large body in words of its own.
	if (Number(request.headers.get('content-length')) > maxBytes) throw tooLarge(maxBytes);
	const text = await readText(request, maxBytes);
	try {
		return JSON.parse(text);
	} catch {
		throw new LoglineError('invalid_body', 'The body must be JSON.');
	}
}

async function readText(request: Request, maxBytes: number): Promise<string> {
	// The declared length may be absent or untrue, so the bytes are counted as they come.
	const chunks: Uint8Array[] = [];
	let length = 0;
	for await (const chunk of request.body ?? []) {
		length += chunk.byteLength;
		// Leaving the loop cancels the rest of the body.
		if (length > maxBytes) throw tooLarge(maxBytes);
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString('utf8');
}

const tooLarge = (maxBytes: number) =>
	new LoglineError('invalid_body', `The body must be at most ${maxBytes} bytes.`);
