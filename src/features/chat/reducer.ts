/**
 * The chat as a fold over its events. The server-rendered page and the browser use the same function, so the browser can
 * continue after any event.
 */
import type { SSETopicsMap } from 'logline';
import { textsOf } from '$src/ui/text-of.ts';

export type ChatTopic = 'message' | 'prompt' | 'end' | 'reset';

export type ChatMessage = SSETopicsMap['message'];

/** Any event of the chat. */
export type ChatEvent = { [K in ChatTopic]: { topic: K; data: SSETopicsMap[K] } }[ChatTopic];

/** The state of the chat. It is never changed in place. */
export interface ChatState {
	/** Oldest first. */
	readonly messages: readonly ChatMessage[];
	/** The line that the player must say; null while the story does not wait. */
	readonly expectedPrompt: string | null;
	/** True when the story has reached its end. */
	readonly ended: boolean;
	/** The chat before the last reset, for the player who takes it back. */
	readonly before?: ChatState;
}

/** A chat without lines. */
export const initialChat: ChatState = Object.freeze({
	messages: Object.freeze([]),
	expectedPrompt: null,
	ended: false
});

/**
 * Returns the chat after one more event. Fits `Array.prototype.reduce`: `events.reduce(reduceChat, initialChat)`.
 *
 * @param event the next event in id order; each event only once
 * @returns a new state
 */
export function reduceChat(state: ChatState, event: ChatEvent): ChatState {
	switch (event.topic) {
		case 'message':
			return {
				...state,
				messages: [...state.messages, toLine(event.data)],
				expectedPrompt: event.data.isMe ? null : state.expectedPrompt
			};
		case 'prompt':
			// What is no text cannot be said.
			return typeof event.data.text === 'string'
				? { ...state, expectedPrompt: event.data.text }
				: state;
		case 'end':
			return {
				...state,
				messages: [...state.messages, toLine(event.data)],
				expectedPrompt: null,
				ended: true
			};
		case 'reset':
			return event.data.undo
				? (state.before ?? state)
				: { ...initialChat, before: withoutBefore(state) };
	}
}

/** Returns a line as it is shown: all of it is text, whatever was published. */
function toLine(data: ChatMessage): ChatMessage {
	const { id, sender, text, isMe } = data;
	// The page knows a line by its object, so one that is as it should be stays the same.
	if ([id, sender, text].every((value) => typeof value === 'string')) return data;
	return { ...textsOf(data, 'id', 'sender', 'text'), isMe: Boolean(isMe) };
}

/** Only the last reset can be taken back, so one earlier chat is enough. */
function withoutBefore({ messages, expectedPrompt, ended }: ChatState): ChatState {
	return { messages, expectedPrompt, ended };
}
