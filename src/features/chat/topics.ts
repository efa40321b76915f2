/** The events of the story. Each belongs to one user. `reduceChat` folds all of them into the chat. */
import * as v from 'valibot';
import { defineTopics } from 'logline';

declare module 'logline' {
	interface SSETopicsMap {
		/** A line in the chat, by a character or by the player. */
		message: {
			/** Unique within the user's chat. */
			id: string;
			sender: string;
			text: string;
			/** True for the player's own line. */
			isMe?: boolean;
		};
		/** The story waits until the player says `text`. */
		prompt: { id: string; sender: 'System'; text: string };
		/** The last line of the story. */
		end: { id: string; sender: string; text: string };
		/** The player has restarted: earlier lines no longer count. */
		reset: { id: string };
	}
}

const line = { id: v.string(), sender: v.string(), text: v.string() };

export const topics = defineTopics({
	message: { schema: v.object({ ...line, isMe: v.optional(v.boolean()) }) },
	prompt: { schema: v.object({ ...line, sender: v.literal('System') }) },
	end: { schema: v.object(line) },
	reset: { schema: v.object({ id: v.string() }) }
});
