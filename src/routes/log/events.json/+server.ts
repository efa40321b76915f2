import { json } from '@sveltejs/kit';
import { LoglineError } from 'logline';
import { errorResponse } from 'logline/server';
import { getApp } from '$src/app/app.ts';
import { limitOf } from '$src/http/query.ts';
import { filterOf, idOf } from '../filter.server.ts';
import { readView } from '../view.ts';
import type { RequestHandler } from './$types';

/**
 * Returns a page of the log, newest first. The parameters are those of the page `/log`, and `limit`. Data is text, as the log
 * has it: it may be nested too deeply to be a value in the answer.
 */
export const GET: RequestHandler = async ({ url, locals }) => {
	try {
		if (!locals.user) throw new LoglineError('unauthorized', 'Sign in first.', 401);
		const view = readView(url.searchParams);
		const limit = limitOf(url.searchParams, { absent: 100, most: 200 });
		return json(
			await getApp().logline.explore(locals.user, filterOf(view), {
				before: idOf(view.before),
				limit
			})
		);
	} catch (error) {
		return errorResponse(error);
	}
};
