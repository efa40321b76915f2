import type { ChatState } from '$src/features/chat/reducer.ts';
import { postChatAction, type ChatAction, type ChatActionError } from './chat-action.ts';

/** What the player asks of the story, one at a time. */
export class PlayerActions {
	readonly #chat: () => ChatState;
	readonly #fetch: typeof fetch;
	#inFlight = $state.raw<ChatAction | null>(null);
	/** The last accepted action and the chat at that time. The action takes effect with the event that changes the chat. */
	#accepted = $state.raw<{ action: ChatAction; before: ChatState } | null>(null);
	/** The last failure and the chat at that time. It is hidden once the chat has changed. */
	#failed = $state.raw<{ error: ChatActionError; before: ChatState } | null>(null);

	/** @param chat returns the chat as it is now */
	constructor(chat: () => ChatState, ask: typeof fetch) {
		this.#chat = chat;
		this.#fetch = ask;
	}

	/** The last action, until its event has arrived. */
	get pending(): ChatAction | null {
		if (this.#inFlight) return this.#inFlight;
		return this.#accepted?.before === this.#chat() ? this.#accepted.action : null;
	}

	/** Why the last action failed; null after a later action succeeds or the chat changes. */
	get error(): ChatActionError | null {
		return this.#failed?.before === this.#chat() ? this.#failed.error : null;
	}

	/** Does nothing while another action is under way. */
	async act(action: ChatAction): Promise<void> {
		if (this.pending) return;
		const before = this.#chat();
		this.#inFlight = action;
		this.#failed = null;
		const error = await postChatAction(action, this.#fetch);
		this.#inFlight = null;
		this.#failed = error && { error, before };
		if (!error) this.#accepted = { action, before };
	}
}
