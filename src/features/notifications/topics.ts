import * as v from 'valibot';
import { defineTopics, type PayloadsOf } from 'logline';

/** Types of a notification, mildest first. */
export const NOTIFICATION_TYPES = ['info', 'success', 'warning', 'error'] as const;

export const topics = defineTopics({
	/** A notification for everyone, or for one user. */
	notifications: {
		schema: v.object({
			id: v.string(),
			type: v.picklist(NOTIFICATION_TYPES),
			message: v.string(),
			/** ISO 8601, UTC. */
			timestamp: v.pipe(v.string(), v.isoTimestamp())
		}),
		replay: { last: 200 },
		retention: { seconds: 30 * 86_400 }
	},
	/**
	 * Up to which event a user has cleared the inbox; the newest counts. To undo is to go back: nothing is deleted. (What is read
	 * is a read marker, which only moves forward.)
	 */
	inbox: {
		schema: v.object({ clearedUpTo: v.pipe(v.string(), v.regex(/^\d{1,19}$/)) }),
		replay: { last: 1 },
		retention: { lastPerUser: 1 },
		description: 'What a user has cleared.'
	}
});

declare module 'logline' {
	interface SSETopicsMap extends PayloadsOf<typeof topics> {}
}
