import { LoglineError } from 'logline';
import { getApp } from '$src/app/app.ts';
import { errorResponse } from 'logline/server';
import { readJsonBody } from '$src/http/json-body.ts';
import type { RequestHandler } from './$types';

/** The data may have escapes that take six octets for one. */
const MAX_BODY_BYTES = 32_768;

/** Sends a signal of the signed-in user: `{"topic":"…","data":…}`. */
export const POST: RequestHandler = async ({ request, locals }) => {
	try {
		if (!locals.user) throw new LoglineError('unauthorized', 'Sign in first.', 401);
		const body = await readJsonBody(request, MAX_BODY_BYTES);
		await getApp().logline.receiveSignal(locals.user, body);
		return new Response(null, { status: 202 });
	} catch (error) {
		return errorResponse(error);
	}
};
