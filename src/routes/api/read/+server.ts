import { json } from '@sveltejs/kit';
import { LoglineError } from 'logline';
import { errorResponse, UserRate } from 'logline/server';
import { getApp } from '$src/app/app.ts';
import { readJsonBody } from '$src/http/json-body.ts';
import type { RequestHandler } from './$types';

const MAX_BODY_BYTES = 4096;

/** Of each user. */
const rate = new UserRate({
	atOnce: 40,
	perSecond: 20,
	code: 'too_many_requests',
	message:
		'At most 20 markers a second are accepted of one user. Send fewer: only the last one counts.'
});

/** `{"topic","id"}`: the viewer has read the topic up to this event. */
export const POST: RequestHandler = async ({ request, locals }) => {
	try {
		if (!locals.user) throw new LoglineError('unauthorized', 'Sign in first.', 401);
		rate.count(locals.user.id);
		const body = await readJsonBody(request, MAX_BODY_BYTES);
		const { topic, id } = (body ?? {}) as { topic?: unknown; id?: unknown };
		if (typeof topic !== 'string' || typeof id !== 'string') {
			throw new LoglineError(
				'invalid_body',
				'The body is {"topic": "…", "id": "42"}: a topic, and the id of an event as text.'
			);
		}
		return json(await getApp().logline.markRead(locals.user, topic, id));
	} catch (error) {
		return errorResponse(error);
	}
};
