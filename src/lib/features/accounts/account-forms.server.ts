/** What the pages for signing in and signing up share on the server. */
import { error, fail, redirect, type ActionFailure, type RequestEvent } from '@sveltejs/kit';
import { LoglineError } from '$lib/protocol';
import { getApp } from '$lib/server/app.ts';
import type { Auth, SignedIn } from '$lib/server/auth/auth.ts';
import type { Browser } from '$lib/server/auth/browser.ts';
import { readBrowser, rememberSignIn } from '$lib/server/auth/cookies.ts';
import { CredentialsError, type Credentials } from '$lib/server/auth/credentials.ts';
import { parseRedirect } from '$lib/server/auth/redirect.ts';
import type { AccountFailure, AccountPage } from './account-forms.ts';

/** Loads a page with an account form. Sends on whoever is signed in already. */
export function openAccountPage({
	locals,
	url
}: Pick<RequestEvent, 'locals' | 'url'>): AccountPage {
	const redirectTo = parseRedirect(url.searchParams.get('redirectTo'));
	if (locals.user) redirect(303, redirectTo ?? '/');
	return { redirectTo };
}

/**
 * Handles an account form: fields `username`, `password`, and `redirectTo` there or in the query. Success is a redirect; bad
 * input comes back to the form with what is wrong.
 *
 * @param act what the form is for: signing in or up
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
		rememberSignIn(event, await act(getApp().auth, credentials, readBrowser(event)));
	} catch (failure) {
		if (!(failure instanceof LoglineError)) throw failure;
		if (failure.retryAfter) event.setHeaders({ 'retry-after': String(failure.retryAfter) });
		const problems =
			failure instanceof CredentialsError ? failure.problems : { form: failure.message };
		return fail(failure.status, { username: username.slice(0, 200), redirectTo, problems });
	}
	redirect(303, redirectTo ?? '/');
}

async function readForm(request: Request): Promise<FormData> {
	try {
		return await request.formData();
	} catch (failure) {
		if (failure instanceof TypeError) error(400, 'Send the fields of the form as a browser does.');
		throw failure;
	}
}

/** A field of a form may be absent, or a file. */
function text(field: FormDataEntryValue | null): string {
	return typeof field === 'string' ? field : '';
}
