import { json } from '@sveltejs/kit';
import { LoglineError } from 'logline';
import { errorResponse } from 'logline/server';
import { getApp } from '$src/app/app.ts';
import { idOf, limitOf } from '$src/http/query.ts';
import { listBetween } from '../../proof/between.server.ts';
import type { RequestHandler } from './$types';

const MAX_LIMIT = 1000;
const MAX_TOPICS = 10;

/** Which events of some topics may the viewer see after an id? By it, a page counts what it misses and what it has got. */
export const GET: RequestHandler = async ({ url: { searchParams }, locals }) => {
	try {
		if (!locals.user) throw new LoglineError('unauthorized', 'Sign in first.', 401);
		const topics = [...new Set(searchParams.getAll('topics'))];
		if (topics.length < 1 || topics.length > MAX_TOPICS) {
			throw new LoglineError('invalid_topics', `Name 1 to ${MAX_TOPICS} topics: ?topics=logs`);
		}
		const after = idOf(searchParams, 'after');
		if (after === null) throw new LoglineError('invalid_cursor', '`after` is the id of an event.');
		const query = {
			topics,
			after,
			upTo: idOf(searchParams, 'upTo'),
			limit: limitOf(searchParams, { absent: 100, most: MAX_LIMIT })
		};
		return json(await listBetween(getApp().logline, locals.user, query));
	} catch (error) {
		return errorResponse(error);
	}
};
