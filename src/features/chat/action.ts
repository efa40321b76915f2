import * as v from 'valibot';
import { LoglineError } from 'logline';

const ACTIONS = ['send_prompt', 'reset', 'undo_reset'] as const;

/** The actions of a player. */
export type ChatAction = (typeof ACTIONS)[number];

const Body = v.looseObject({ action: v.picklist(ACTIONS) });

/**
 * Parses the body of `POST /api/chat`: `{"action":"send_prompt"}`, `{"action":"reset"}` or `{"action":"undo_reset"}`.
 *
 * @throws LoglineError `invalid_body` when it is not an object, `unknown_action` when the action is unknown
 */
export function parseChatAction(body: unknown): ChatAction {
	if (typeof body !== 'object' || body === null || Array.isArray(body)) {
		throw new LoglineError('invalid_body', 'Send a JSON object such as {"action":"send_prompt"}.');
	}
	const result = v.safeParse(Body, body);
	if (!result.success) {
		throw new LoglineError('unknown_action', `"action" must be one of ${ACTIONS.join(', ')}.`);
	}
	return result.output.action;
}
