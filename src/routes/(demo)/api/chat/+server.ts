import { json } from '@sveltejs/kit';
import { parseChatAction } from '$src/features/chat/action.ts';
import { getStory } from '$src/features/chat/start.server.ts';
import { LoglineError } from 'logline';
import { getApp } from '$src/app/app.ts';
import { errorResponse } from 'logline/server';
import { readJsonBody } from '$src/http/json-body.ts';
import type { RequestHandler } from './$types';

const MAX_BODY_BYTES = 4096;

/** `{"action":"send_prompt"}`, `{"action":"reset"}` or `{"action":"undo_reset"}` for the signed-in player. */
export const POST: RequestHandler = async ({ request, locals }) => {
	try {
		if (!locals.user) throw new LoglineError('unauthorized', 'Sign in first.', 401);
		const action = parseChatAction(await readJsonBody(request, MAX_BODY_BYTES));
		const story = getStory(getApp());
		if (action === 'send_prompt') await story.sendPrompt(locals.user);
		else if (action === 'reset') await story.reset(locals.user);
		else await story.undoReset(locals.user);
		return json({ success: true });
	} catch (error) {
		return errorResponse(error);
	}
};
