/**
 * Waits for the body of a request.
 *
 * @returns the same request with its whole body; reading that fails as reading the body has failed
 */
export async function withBody(request: Request): Promise<Request> {
	if (!request.body) return request;
	const { url, method, headers, signal } = request;
	const init = { method, headers, signal };
	try {
		return new Request(url, { ...init, body: await request.arrayBuffer() });
	} catch (error) {
		const body = new ReadableStream({ start: (controller) => controller.error(error) });
		return new Request(url, { ...init, body, duplex: 'half' } as RequestInit);
	}
}
