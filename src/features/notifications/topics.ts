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
	}
});

declare module 'logline' {
	interface SSETopicsMap extends PayloadsOf<typeof topics> {}
}
