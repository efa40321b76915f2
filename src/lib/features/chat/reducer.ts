/**
 * The chat as a fold over its events. The server-rendered page and the browser use the same function, so it does not matter
 * at which event one hands over to the other.
 */
import type { SSETopicsMap } from '$lib/protocol';

export type ChatTopic = 'message' | 'prompt' | 'end' | 'reset';

export type ChatMessage = SSETopicsMap['message'];

/** Any event of the chat. */
export type ChatEvent = { [K in ChatTopic]: { topic: K; data: SSETopicsMap[K] } }[ChatTopic];

/** Everything the chat shows. Never changed in place. */
export interface ChatState {
	/** Oldest first. */
	readonly messages: readonly ChatMessage[];
	/** What the story waits for the player to say; null while it does not wait. */
	readonly expectedPrompt: string | null;
	/** The story has been told to its end. */
	readonly ended: boolean;
}

/** A chat in which nothing has been said. */
export const initialChat: ChatState = Object.freeze({
	messages: Object.freeze([]),
	expectedPrompt: null,
	ended: false
});

/**
 * The chat after one more event. Fits `Array.prototype.reduce`: `events.reduce(reduceChat, initialChat)`.
 *
 * @param event the next one in id order; the same event must not be given twice.
 * @returns a new state.
 */
export function reduceChat(state: ChatState, event: ChatEvent): ChatState {
	switch (event.topic) {
		case 'message':
			return {
				messages: [...state.messages, event.data],
				expectedPrompt: event.data.isMe ? null : state.expectedPrompt,
				ended: state.ended
			};
		case 'prompt':
			return { ...state, expectedPrompt: event.data.text };
		case 'end':
			return { messages: [...state.messages, event.data], expectedPrompt: null, ended: true };
		case 'reset':
			return initialChat;
	}
}
