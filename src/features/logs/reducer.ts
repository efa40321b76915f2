import type { SSETopicsMap } from 'logline';

export type LogEntry = SSETopicsMap['logs'];

export interface LogEntryEvent {
	topic: 'logs';
	data: LogEntry;
}

/** Newest first. Never changed in place. */
export type LogsState = readonly LogEntry[];

/** How many lines the view keeps. The log has the rest. */
export const MAX_LOGS = 200;

export const initialLogs: LogsState = Object.freeze([]);

/**
 * Returns the log lines after one more, at most {@link MAX_LOGS}.
 *
 * @returns a new state
 */
export function reduceLogs(state: LogsState, event: LogEntryEvent): LogsState {
	return [event.data, ...state.slice(0, MAX_LOGS - 1)];
}
