import { json } from '@sveltejs/kit';
import { LoglineError } from 'logline';
import { errorResponse } from 'logline/server';
import { getApp } from '$src/app/app.ts';
import { readJsonBody } from '$src/http/json-body.ts';
import type { RequestHandler } from './$types';

const MAX_BODY_BYTES = 4096;

/** `{"topic","id"}`: the viewer has read the topic up to this event. */
export const POST: RequestHandler = async ({ request, locals }) => {
	try {
		if (!locals.user) throw new LoglineError('unauthorized', 'Sign in first.', 401);
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
