import { redirect } from '@sveltejs/kit';
import { getApp } from '$src/app/app.ts';
import type { PageServerLoad } from './$types';

const TOPICS = ['message', 'prompt', 'end', 'reset', 'notifications', 'logs'] as const;

export const load: PageServerLoad = async ({ locals, url }) => {
	const { user } = locals;
	if (!user) redirect(303, `/login?redirectTo=${encodeURIComponent(url.pathname + url.search)}`);
	return { user, ...(await getApp().logline.read(user, TOPICS)) };
};
