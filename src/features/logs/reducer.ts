import type { SSETopicsMap } from 'logline';
import { textsOf } from '$src/ui/text-of.ts';

export type LogEntry = SSETopicsMap['logs'];

/** A log line with its place in the log. */
export interface LogLine extends LogEntry {
	readonly eventID: string;
}

export interface LogEntryEvent {
	id: string;
	topic: 'logs';
	data: LogEntry;
}

/** Newest first. Never changed in place. */
export type LogsState = readonly LogLine[];

/** How many lines the view keeps while its newest is in view. The log has the rest. */
export const MAX_LOGS = 200;

export const initialLogs: LogsState = Object.freeze([]);

/**
 * Returns the log lines after one more.
 *
 * @param most how many lines it keeps
 * @returns a new state
 */
export const reduceLogs = (state: LogsState, event: LogEntryEvent, most: number): LogsState => [
	toLine(event),
	...state.slice(0, most - 1)
];

/** Returns a log line as it is shown: all of it is text, whatever was published. */
export function toLine({ id, data }: { id: string; data: unknown }): LogLine {
	const { level, ...texts } = textsOf(data, 'id', 'level', 'source', 'message', 'timestamp');
	// The level may still be one that nobody knows.
	return { ...texts, level: level as LogEntry['level'], eventID: id };
}
