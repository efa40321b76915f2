/** Server code shared by the pages for sign-in and sign-up. */
import { error, fail, redirect, type ActionFailure, type RequestEvent } from '@sveltejs/kit';
import { getApp } from '$src/app/app.ts';
import type { Auth, SignedIn } from '$src/accounts/auth.ts';
import type { Browser } from '$src/accounts/browser.ts';
import { readBrowser, rememberSignIn } from '$src/accounts/cookies.ts';
import { CredentialsError, type Credentials } from '$src/accounts/credentials.ts';
import { parseRedirect } from '$src/accounts/redirect.ts';
import { failureOf } from 'logline/server';
import type { AccountFailure, AccountPage } from './account-forms.ts';

/**
 * Loads a page with an account form. A signed-in user is redirected. But after a POST that was refused, the page is shown
 * even to a signed-in user: a redirect would look like success.
 */
export function openAccountPage({
	locals,
	request,
	url
}: Pick<RequestEvent, 'locals' | 'request' | 'url'>): AccountPage {
	const redirectTo = parseRedirect(url.searchParams.get('redirectTo'));
	if (locals.user && request.method !== 'POST') redirect(303, redirectTo ?? '/');
	return { redirectTo };
}

/**
 * Handles an account form with the fields `username` and `password`, and `redirectTo` in the form or in the query. Success
 * is a redirect. Bad input returns the form with its errors.
 *
 * @param act signs in or signs up
 */
export async function submitAccountForm(
	event: RequestEvent,
	act: (auth: Auth, credentials: Credentials, browser: Browser) => Promise<SignedIn>
): Promise<ActionFailure<AccountFailure>> {
	const data = await readForm(event.request);
	const username = text(data.get('username'));
	const redirectTo =
		parseRedirect(text(data.get('redirectTo'))) ??
		parseRedirect(event.url.searchParams.get('redirectTo'));
	try {
		const credentials = { username, password: text(data.get('password')) };
		const { auth } = getApp();
		rememberSignIn(event, await act(auth, credentials, readBrowser(auth, event)));
	} catch (failure) {
		const { status, problems } = problemsOf(event, failure);
		return fail(status, { username: shown(username), redirectTo, problems });
	}
	redirect(303, redirectTo ?? '/');
}

/**
 * Returns why a form was refused, and says when to try again.
 *
 * @throws the failure itself when it is a fault of ours
 */
export function problemsOf(
	event: RequestEvent,
	failure: unknown
): { status: number; problems: CredentialsError['problems'] } {
	const refused = failureOf(failure);
	if (!refused) throw failure;
	const { status, retryAfter, message } = refused;
	if (retryAfter) event.setHeaders({ 'retry-after': String(retryAfter) });
	const problems = refused instanceof CredentialsError ? refused.problems : { form: message };
	return { status, problems };
}

/** Returns what a user typed as it is shown again: not more than a name has. */
export const shown = (typed: string): string => typed.slice(0, 200);

/** @throws HttpError 400 when the body is no form */
export async function readForm(request: Request): Promise<FormData> {
	try {
		return await request.formData();
	} catch (failure) {
		if (failure instanceof TypeError) error(400, 'Send the fields of the form as a browser does.');
		throw failure;
	}
}

/** Returns a field of a form. It may be missing, or be a file: then it is empty. */
export function text(field: FormDataEntryValue | null): string {
	return typeof field === 'string' ? field : '';
}
