import { redirect } from '@sveltejs/kit';
import { signOut } from '$src/accounts/cookies.ts';
import {
	requireSession,
	showSession,
	submitOwnForm
} from '$src/accounts/own-account-forms.server.ts';
import { getApp } from '$src/app/app.ts';
import type { Actions, PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ locals, url }) => {
	const asking = requireSession({ locals });
	const account = await getApp().auth.readAccount(asking);
	// The session has ended since the request began.
	if (!account) redirect(303, '/login?redirectTo=/account');
	const { guest, createdAt, sessions, sessionCount } = account;
	return {
		user: asking.user,
		guest,
		createdAt: createdAt.toISOString(),
		sessions: sessions.map(showSession),
		sessionCount,
		done: url.searchParams.get('done')
	};
};

export const actions: Actions = {
	revoke: (event) =>
		submitOwnForm(event, 'revoke', (auth, { user }, field) =>
			auth.endSession(user, field('session'))
		),
	others: (event) =>
		submitOwnForm(event, 'others', (auth, { user, session }) =>
			auth.endOtherSessions(user, session)
		),
	password: (event) =>
		submitOwnForm(event, 'password', (auth, asking, field) =>
			auth.changePassword(asking, { current: field('current'), password: field('password') })
		),
	name: (event) =>
		submitOwnForm(event, 'name', (auth, asking, field) =>
			auth.nameGuest(asking, { username: field('username'), password: field('password') })
		),
	delete: (event) =>
		submitOwnForm(
			event,
			'delete',
			async (auth, asking, field) => {
				await auth.deleteAccount(asking, {
					password: field('password'),
					confirmation: field('confirmation')
				});
				await signOut(auth, event);
				event.setHeaders({ 'clear-site-data': '"cache"' });
			},
			'/account/deleted'
		)
};
