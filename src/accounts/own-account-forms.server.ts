/** Server code of the page of the own account. */
import { fail, redirect, type ActionFailure, type RequestEvent } from '@sveltejs/kit';
import { asUser } from 'logline';
import { getApp } from '$src/app/app.ts';
import { problemsOf, readForm, shown, text } from './account-forms.server.ts';
import type { Auth } from './auth.ts';
import { describeBrowser } from './browser.ts';
import { readBrowser } from './cookies.ts';
import type { Asking, OwnSession } from './own-account.ts';
import type { OwnAccountFailure, OwnAction, ShownSession } from './own-account-forms.ts';
import type { User } from './user.ts';

/** The page of the own account. */
const PAGE = '/account';

/** Returns who is signed in. Others are sent to the sign-in. */
export function requireSession({ locals }: Pick<RequestEvent, 'locals'>): {
	user: User;
	session: string;
} {
	const { user, sessionHash } = locals;
	if (!user || !sessionHash) redirect(303, `/login?redirectTo=${PAGE}`);
	return { user, session: sessionHash };
}

/**
 * Handles a form of the page. Success is a redirect, so that a reload does not send the form again. A refusal returns the
 * page with the reason.
 *
 * @param work gets the fields of the form; an absent field is empty
 * @param next where to go after success
 */
export async function submitOwnForm(
	event: RequestEvent,
	action: OwnAction,
	work: (auth: Auth, asking: Asking, field: (name: string) => string) => Promise<void>,
	next = `${PAGE}?done=${action}`
): Promise<ActionFailure<OwnAccountFailure>> {
	const { user, session } = requireSession(event);
	const data = await readForm(event.request);
	const field = (name: string) => text(data.get(name));
	try {
		const { auth } = getApp();
		await work(auth, { user, session, browser: readBrowser(auth, event) }, field);
	} catch (failure) {
		const { status, problems } = problemsOf(event, failure);
		return fail(status, { action, problems, username: shown(field('username')) });
	}
	// What it says is for this user alone. Another may have signed in before the browser asks for it.
	redirect(303, asUser(next, user.id));
}

/** Returns a session as the page shows it. */
export function showSession({ userAgent, createdAt, seenAt, ...rest }: OwnSession): ShownSession {
	const device = describeBrowser(userAgent);
	return {
		...rest,
		device: device === 'a new browser' ? 'An unknown browser' : upperFirst(device),
		createdAt: createdAt.toISOString(),
		seenAt: seenAt.toISOString()
	};
}

const upperFirst = (line: string) => line.charAt(0).toUpperCase() + line.slice(1);
