import { LoglineError } from 'logline';
import { getApp } from '$src/app/app.ts';
import { idOf, limitOf } from '$src/http/query.ts';
import { errorResponse, historyJson } from 'logline/server';
import type { RequestHandler } from './$types';

const MAX_LIMIT = 200;

/** Returns a page of a topic's history, newest first. */
export const GET: RequestHandler = async ({ url, locals }) => {
	try {
		if (!locals.user) throw new LoglineError('unauthorized', 'Sign in first.', 401);
		const before = idOf(url.searchParams, 'before');
		const limit = limitOf(url.searchParams, { absent: 50, most: MAX_LIMIT });
		const topic = url.searchParams.get('topic') ?? '';
		const page = await getApp().logline.history(locals.user, topic, { before, limit });
		return new Response(historyJson(page), { headers: { 'content-type': 'application/json' } });
	} catch (error) {
		return errorResponse(error);
	}
};
