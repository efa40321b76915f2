import { LoglineError, parseCursor } from 'logline';
import { getApp } from '$src/app/app.ts';
import { errorResponse, historyJson } from 'logline/server';
import type { RequestHandler } from './$types';

const MAX_LIMIT = 200;

/** Returns a page of a topic's history, newest first. */
export const GET: RequestHandler = async ({ url, locals }) => {
	try {
		if (!locals.user) throw new LoglineError('unauthorized', 'Sign in first.', 401);
		const before = url.searchParams.get('before');
		const cursor = before === null ? null : parseCursor(before);
		if (before !== null && cursor === null) {
			throw new LoglineError('invalid_cursor', '`before` is the id of an event, or absent.');
		}
		const limit = url.searchParams.get('limit') ?? '50';
		if (!/^[0-9]{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_LIMIT) {
			throw new LoglineError('invalid_limit', `\`limit\` is a number from 1 to ${MAX_LIMIT}.`);
		}
		const topic = url.searchParams.get('topic') ?? '';
		const page = await getApp().logline.history(locals.user, topic, {
			before: cursor,
			limit: Number(limit)
		});
		return new Response(historyJson(page), { headers: { 'content-type': 'application/json' } });
	} catch (error) {
		return errorResponse(error);
	}
};
