import type { SSETopicsMap } from 'logline';

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
export const reduceLogs = (
	state: LogsState,
	{ id, data }: LogEntryEvent,
	most: number
): LogsState => [{ ...data, eventID: id }, ...state.slice(0, most - 1)];
