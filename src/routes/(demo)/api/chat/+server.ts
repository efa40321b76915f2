import { json } from '@sveltejs/kit';
import { parseChatAction } from '$lib/features/chat/action.ts';
import { getStory } from '$lib/features/chat/start.server.ts';
import { LoglineError } from '$lib/protocol';
import { getApp } from '$lib/server/app.ts';
import { errorResponse } from '$lib/server/errors.ts';
import { readJsonBody } from '$lib/server/json-body.ts';
import type { RequestHandler } from './$types';

const MAX_BODY_BYTES = 4096;

/** `{"action":"send_prompt"}` or `{"action":"reset"}` for the signed-in player. */
export const POST: RequestHandler = async ({ request, locals }) => {
	try {
		if (!locals.user) throw new LoglineError('unauthorized', 'Sign in first.', 401);
		const action = parseChatAction(await readJsonBody(request, MAX_BODY_BYTES));
		const story = getStory(getApp());
		if (action === 'send_prompt') await story.sendPrompt(locals.user);
		else await story.reset(locals.user);
		return json({ success: true });
	} catch (error) {
		return errorResponse(error);
	}
};
