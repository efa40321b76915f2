/** The events of the story. Each belongs to one user. `reduceChat` folds all of them into the chat. */
import * as v from 'valibot';
import { defineTopics, type PayloadsOf } from 'logline';

/** `id` is unique within the user's chat. */
const line = { id: v.string(), sender: v.string(), text: v.string() };

export const topics = defineTopics({
	/** A line in the chat, by a character or by the player. `isMe`: true for the player's own line. */
	message: { schema: v.object({ ...line, isMe: v.optional(v.boolean()) }) },
	/** The story waits until the player says `text`. */
	prompt: { schema: v.object({ ...line, sender: v.literal('System') }) },
	/** The last line of the story. */
	end: { schema: v.object(line) },
	/**
	 * The player has restarted: earlier lines no longer count. `left`: where the story was. `undo`: the player has taken the
	 * last reset back: only the lines before it count.
	 */
	reset: {
		schema: v.object({
			id: v.string(),
			left: v.optional(v.object({ step: v.number(), waits: v.boolean() })),
			undo: v.optional(v.boolean())
		})
	}
});

declare module 'logline' {
	interface SSETopicsMap extends PayloadsOf<typeof topics> {}
}
