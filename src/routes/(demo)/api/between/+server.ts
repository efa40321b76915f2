import { json } from '@sveltejs/kit';
import { LoglineError, parseCursor } from 'logline';
import { errorResponse } from 'logline/server';
import { getApp } from '$src/app/app.ts';
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
		const limit = searchParams.get('limit') ?? '100';
		if (!/^[0-9]{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_LIMIT) {
			throw new LoglineError('invalid_limit', `\`limit\` is a number from 1 to ${MAX_LIMIT}.`);
		}
		const query = {
			topics,
			after: idOf('after', searchParams.get('after') ?? ''),
			upTo: searchParams.has('upTo') ? idOf('upTo', searchParams.get('upTo')!) : null,
			limit: Number(limit)
		};
		return json(await listBetween(getApp().logline, locals.user, query));
	} catch (error) {
		return errorResponse(error);
	}
};

function idOf(name: string, text: string): bigint {
	const id = parseCursor(text);
	if (id === null) throw new LoglineError('invalid_cursor', `\`${name}\` is the id of an event.`);
	return id;
}
