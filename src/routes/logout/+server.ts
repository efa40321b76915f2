import { redirect } from '@sveltejs/kit';
import { getApp } from '$src/app/app.ts';
import { signOut } from '$src/accounts/cookies.ts';
import type { RequestHandler } from './$types';

export const POST: RequestHandler = async (event) => {
	await signOut(getApp().auth, event);
	// Not "cookies", because the device cookie must stay. Not "storage": all that is there is how far each user of this browser
	// had seen the page, an id of the log, so that the page can say what came since (history/last-seen.svelte.ts).
	event.setHeaders({ 'clear-site-data': '"cache"' });
	redirect(303, '/login');
};
