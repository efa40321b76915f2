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
		'At most 20 changes a second are accepted of one user. Send fewer: only the last one counts.'
});

/** `{"clearedUpTo":"42"}`: the signed-in user has cleared the notifications up to this event; `"0"`: none. */
export const POST: RequestHandler = async ({ request, locals }) => {
	try {
		if (!locals.user) throw new LoglineError('unauthorized', 'Sign in first.', 401);
		rate.count(locals.user.id);
		const body = await readJsonBody(request, MAX_BODY_BYTES);
		const { clearedUpTo } = (body ?? {}) as { clearedUpTo?: unknown };
		if (typeof clearedUpTo !== 'string' || !/^\d{1,19}$/.test(clearedUpTo)) {
			throw new LoglineError(
				'invalid_body',
				'The body is {"clearedUpTo": "42"}: the id of an event as text, or "0".'
			);
		}
		await getApp().logline.emit({
			event: 'inbox',
			userID: locals.user.id,
			data: { clearedUpTo }
		});
		return json({ success: true });
	} catch (error) {
		return errorResponse(error);
	}
};
