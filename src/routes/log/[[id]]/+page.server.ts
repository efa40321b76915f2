import { error, redirect } from '@sveltejs/kit';
import { parseCursor } from 'logline';
import { getApp } from '$src/app/app.ts';
import { sentencesOf } from '../sentences.ts';
import type { PageServerLoad } from './$types';

/** The event that is open beside the list. */
export const load: PageServerLoad = async ({ locals, params, parent }) => {
	if (params.id === undefined) return { open: null };
	// Without a user, the layout leads to the sign-in.
	if (!locals.user) {
		await parent();
		redirect(303, '/login');
	}
	const id = parseCursor(params.id);
	const found = id === null ? null : await getApp().logline.exploreEvent(locals.user, id);
	if (!found) error(404, 'There is no such event, or you may not see it.');
	const { event, previous, next, gates } = found;
	const reasons = sentencesOf(event.topic, gates);
	// The layout names its user, and is not loaded again with this.
	return { userID: locals.user.id, open: { event, previous, next, reasons } };
};
