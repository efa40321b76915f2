import { redirect } from '@sveltejs/kit';
import { readBrowser, rememberSignIn } from '$src/accounts/cookies.ts';
import { parseRedirect } from '$src/accounts/redirect.ts';
import { getApp } from '$src/app/app.ts';
import type { RequestHandler } from './$types';

/** Makes a guest account and signs in. Who is signed in keeps the account that is there. */
export const POST: RequestHandler = async (event) => {
	if (!event.locals.user) {
		const { auth } = getApp();
		rememberSignIn(event, await auth.startAsGuest(readBrowser(auth, event)));
	}
	redirect(303, parseRedirect(event.url.searchParams.get('redirectTo')) ?? '/');
};
