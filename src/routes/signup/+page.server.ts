import { openAccountPage, submitAccountForm } from '$src/accounts/account-forms.server.ts';
import type { Actions, PageServerLoad } from './$types';

export const load: PageServerLoad = (event) => openAccountPage(event);

export const actions: Actions = {
	default: (event) =>
		submitAccountForm(event, (auth, credentials, browser) => auth.signUp(credentials, browser))
};
