import { getApp } from '$lib/server/app.ts';
import { SESSION_COOKIE } from '$lib/server/auth/cookies.ts';
import { errorResponse } from '$lib/server/errors.ts';
import { SSE_HEADERS } from '$lib/server/sse/produce-sse.ts';
import { parseStreamRequest } from '$lib/server/sse/request.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ url, request, cookies }) => {
	try {
		const { auth, config, streams, topics } = getApp();
		const token = cookies.get(SESSION_COOKIE);
		const wanted = parseStreamRequest(url, request.headers, {
			registry: topics,
			maxTopics: config.maxTopics
		});
		return await streams.open(token ? auth.hashToken(token) : null, wanted);
	} catch (error) {
		return errorResponse(error);
	}
};

/** Else a HEAD request would open a stream, and wait for its end to be answered. */
export const HEAD: RequestHandler = () => new Response(null, { headers: SSE_HEADERS });
