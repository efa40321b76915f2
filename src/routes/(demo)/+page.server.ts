import { redirect } from '@sveltejs/kit';
import { getApp } from '$lib/server/app.ts';
import type { PageServerLoad } from './$types';

const TOPICS = ['message', 'prompt', 'end', 'reset', 'notifications', 'logs'];

export const load: PageServerLoad = async ({ locals, url }) => {
	const { user } = locals;
	if (!user) redirect(303, `/login?redirectTo=${encodeURIComponent(url.pathname + url.search)}`);
	return { user, ...(await getApp().readHistory(user, TOPICS)) };
};
