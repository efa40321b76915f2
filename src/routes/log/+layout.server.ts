import { redirect } from '@sveltejs/kit';
import type { LoglineError } from 'logline';
import { failureOf } from 'logline/server';
import { getApp } from '$src/app/app.ts';
import { filterOf, idOf } from './filter.server.ts';
import { addressOf, readView } from './view.ts';
import type { LayoutServerLoad } from './$types';

/** A form of the page can repair these. Every other failure is one of the request. */
const ABOUT_THE_FILTER = new Set(['invalid_filter', 'search_too_slow', 'too_many_searches']);

/** The list and its counts. An event that is opened beside them changes neither, so they are not loaded again for it. */
export const load: LayoutServerLoad = async ({ locals, url, params, untrack }) => {
	const view = readView(url.searchParams);
	const { user } = locals;
	if (!user) {
		const here = addressOf(
			view,
			untrack(() => params.id)
		);
		redirect(303, `/login?${new URLSearchParams({ redirectTo: here })}`);
	}
	const { logline, config } = getApp();
	const known = await logline.exploreTopics(user);
	try {
		const filter = filterOf(view);
		const before = idOf(view.before);
		const [list, counts] = await Promise.all([
			logline.explore(user, filter, { before }),
			logline.exploreCounts(user, filter).catch(unlessAboutTheFilter)
		]);
		// A stream of more topics would be refused.
		const live = list.topics.slice(0, config.maxTopics);
		return { user, view, known, list, counts, live, problem: null };
	} catch (error) {
		const problem = unlessAboutTheFilter(error);
		return { user, view, known, list: null, counts: null, live: [], problem: problem.message };
	}
};

function unlessAboutTheFilter(error: unknown): { message: string } {
	const failure: LoglineError | null = failureOf(error);
	if (!failure || !ABOUT_THE_FILTER.has(failure.code)) throw error;
	return { message: failure.message };
}
