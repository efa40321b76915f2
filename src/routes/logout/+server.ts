import { redirect } from '@sveltejs/kit';
import { getApp } from '$src/app/app.ts';
import { signOut } from '$src/accounts/cookies.ts';
import type { RequestHandler } from './$types';

export const POST: RequestHandler = async (event) => {
	await signOut(getApp().auth, event);
	// Not "cookies", because the device cookie must stay. Not "storage", because no user data is stored there.
	event.setHeaders({ 'clear-site-data': '"cache"' });
	redirect(303, '/login');
};
