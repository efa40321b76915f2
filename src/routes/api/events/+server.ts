import { getApp } from '$lib/server/app.ts';
import { SESSION_COOKIE } from '$src/accounts/cookies.ts';
import { errorResponse } from '$src/http/errors.ts';
import { openStream } from '$lib/server/streams/open-stream.ts';
import { SSE_HEADERS } from '$lib/server/sse/produce-sse.ts';
import type { RequestHandler } from './$types';

/** Used in development only: in production, our own server (http/door.ts) handles this path. */
export const GET: RequestHandler = async ({ url, request, cookies }) => {
	try {
		const { searchParams } = url;
		const token = cookies.get(SESSION_COOKIE);
		const { headers, signal: gone } = request;
		return await openStream(getApp(), { searchParams, headers, token, gone });
	} catch (error) {
		return errorResponse(error);
	}
};

/** Without this, a HEAD request would open a stream and respond only when the stream ends. */
export const HEAD: RequestHandler = () => new Response(null, { headers: SSE_HEADERS });
