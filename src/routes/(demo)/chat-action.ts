/** The player's actions, as in `POST /api/chat`. */
export type ChatAction = 'send_prompt' | 'reset' | 'undo_reset';

export interface ChatActionError {
	/** The failed action, so that it can be tried again. */
	action: ChatAction;
	/** Text for the reader. */
	message: string;
	/** The session has ended: the reader must sign in; trying again does not help. */
	signedOut: boolean;
}

/** A longer request is given up. Sending twice is harmless, because the story checks the step it waits for. */
const TIMEOUT_MS = 15_000;

/**
 * Sends one action of the player.
 *
 * @returns null when the server has accepted it; also when another tab was faster, because its event is on the way
 */
export async function postChatAction(
	action: ChatAction,
	fetcher: typeof fetch
): Promise<ChatActionError | null> {
	let response: Response;
	try {
		response = await fetcher('/api/chat', {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify({ action }),
			signal: AbortSignal.timeout(TIMEOUT_MS)
		});
	} catch {
		// fetch rejects for several reasons, but for the reader there is only one: no connection.
		return { action, message: 'The server cannot be reached.', signedOut: false };
	}
	if (response.ok || (response.status === 409 && action === 'send_prompt')) return null;
	if (response.status === 401) {
		return { action, message: 'Your session has ended.', signedOut: true };
	}
	return { action, message: await messageOf(response), signedOut: false };
}

async function messageOf(response: Response): Promise<string> {
	const fallback = `The server answered ${response.status}.`;
	try {
		const body = (await response.json()) as { error?: { message?: unknown } } | null;
		return typeof body?.error?.message === 'string' ? body.error.message : fallback;
	} catch {
		// An error page of a proxy, not ours.
		return fallback;
	}
}
