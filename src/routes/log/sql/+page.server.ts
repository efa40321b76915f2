import { redirect } from '@sveltejs/kit';
import { getApp } from '$src/app/app.ts';
import type { PageServerLoad } from './$types';

/** The same guard as the explorer's. The events come from `/log/events.json`, which asks who it is once more. */
export const load: PageServerLoad = async ({ locals, url, untrack }) => {
	const { user } = locals;
	if (!user) {
		const here = untrack(() => url.pathname + url.search);
		redirect(303, `/login?${new URLSearchParams({ redirectTo: here })}`);
	}
	return { user, topics: await getApp().logline.exploreTopics(user) };
};
