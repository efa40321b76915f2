import * as v from 'valibot';
import { defineTopics } from 'logline';

/** Levels of a log line, least important first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

declare module 'logline' {
	interface SSETopicsMap {
		/** A line of a program's log. For everyone, so it must contain nothing about users. */
		logs: {
			id: string;
			level: 'debug' | 'info' | 'warn' | 'error';
			/** The part of the system that logged it. */
			source: string;
			message: string;
			/** ISO 8601, UTC. */
			timestamp: string;
		};
	}
}

export const topics = defineTopics({
	logs: {
		schema: v.object({
			id: v.string(),
			level: v.picklist(LOG_LEVELS),
			source: v.string(),
			message: v.string(),
			timestamp: v.pipe(v.string(), v.isoTimestamp())
		}),
		replay: { last: 200 },
		retention: { lastPerUser: 1000 }
	}
});
