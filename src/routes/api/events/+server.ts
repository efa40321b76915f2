import { SESSION_COOKIE } from '$src/accounts/cookies.ts';
import { getApp } from '$src/app/app.ts';
import type { RequestHandler } from './$types';

/** Used in development only: in production, our own server (http/door.ts) handles this path. */
export const GET: RequestHandler = (event) => {
	const { auth, logline } = getApp();
	const token = event.cookies.get(SESSION_COOKIE);
	return logline.stream(() => (token ? auth.findViewer(auth.hashToken(token)) : null))(event);
};

/** Without this, SvelteKit would respond to HEAD with the headers of a stream that it has opened. */
export const HEAD: RequestHandler = GET;
