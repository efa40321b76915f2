import * as v from 'valibot';
import { defineTopics, type PayloadsOf } from 'logline';

/** Levels of a log line, least important first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export const topics = defineTopics({
	/** A line of a program's log. For everyone, so it must contain nothing about users. */
	logs: {
		schema: v.object({
			id: v.string(),
			level: v.picklist(LOG_LEVELS),
			/** The part of the system that logged it. */
			source: v.string(),
			message: v.string(),
			/** ISO 8601, UTC. */
			timestamp: v.pipe(v.string(), v.isoTimestamp())
		}),
		replay: { last: 200 },
		retention: { lastPerUser: 1000 }
	}
});

declare module 'logline' {
	interface SSETopicsMap extends PayloadsOf<typeof topics> {}
}
