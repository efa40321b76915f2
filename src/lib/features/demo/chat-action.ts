/** What the player may do, as `POST /api/chat` knows it. */
export type ChatAction = 'send_prompt' | 'reset';

export interface ChatActionError {
	/** What was tried, so that it can be tried again. */
	action: ChatAction;
	/** What to do about it. */
	message: string;
	/** The session has ended: trying again does not help, signing in does. */
	signedOut: boolean;
}

/** A request that takes longer is given up; acting twice is harmless, because the story checks what it waits for. */
const TIMEOUT_MS = 15_000;

/**
 * Sends one action of the player.
 *
 * @returns null when the server has taken it. A prompt that another tab has answered first counts: its event is on the way.
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
		// fetch rejects for one reason a reader can act on, whatever the error says.
		return { action, message: 'The server cannot be reached.', signedOut: false };
	}
	if (response.ok || response.status === 409) return null;
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
		// A proxy's error page, not ours.
		return fallback;
	}
}
