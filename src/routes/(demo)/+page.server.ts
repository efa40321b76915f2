import { redirect } from '@sveltejs/kit';
import { getApp } from '$src/app/app.ts';
import type { PageServerLoad } from './$types';

const TOPICS = ['message', 'prompt', 'end', 'reset', 'notifications', 'inbox', 'logs'] as const;

export const load: PageServerLoad = async ({ locals, url }) => {
	const { user } = locals;
	if (!user) redirect(303, `/login?redirectTo=${encodeURIComponent(url.pathname + url.search)}`);
	const { logline } = getApp();
	const [first, readMarkers] = await Promise.all([
		logline.read(user, TOPICS),
		logline.unread(user, ['notifications'])
	]);
	return { user, ...first, readMarkers };
};
