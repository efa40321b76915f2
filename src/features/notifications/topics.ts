import * as v from 'valibot';
import { defineTopics } from 'logline';

/** Types of a notification, mildest first. */
export const NOTIFICATION_TYPES = ['info', 'success', 'warning', 'error'] as const;

declare module 'logline' {
	interface SSETopicsMap {
		/** A notification for everyone, or for one user. */
		notifications: {
			id: string;
			type: 'info' | 'success' | 'warning' | 'error';
			message: string;
			/** ISO 8601, UTC. */
			timestamp: string;
		};
	}
}

export const topics = defineTopics({
	notifications: {
		schema: v.object({
			id: v.string(),
			type: v.picklist(NOTIFICATION_TYPES),
			message: v.string(),
			timestamp: v.pipe(v.string(), v.isoTimestamp())
		}),
		replay: { last: 200 },
		retention: { seconds: 30 * 86_400 }
	}
});
