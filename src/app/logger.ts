import { pino, multistream, stdTimeFunctions, type Logger } from 'pino';

/** A log line without its details. */
export interface LogLine {
	level: 'debug' | 'info' | 'warn' | 'error';
	/** The part of the application that logged it. */
	source: string;
	message: string;
}

/** Allows listening to log lines. */
export interface LogLines {
	/** @returns a function that stops listening */
	on(listener: (line: LogLine) => void): () => void;
}

/**
 * Creates the application's logger. It writes JSON lines to standard output and calls the listeners.
 *
 * @param level lowest level that is logged, by its pino name
 */
export function createLogger(level: string): { logger: Logger; lines: LogLines } {
	const listeners = new Set<(line: LogLine) => void>();
	const streams = multistream([
		{ level: 'trace', stream: process.stdout },
		{
			level: 'debug',
			stream: {
				write: (text: string) => {
					if (listeners.size === 0) return;
					const line = toLine(text);
					for (const listener of listeners) listener(line);
				}
			}
		}
	]);
	return {
		logger: pino({ level, timestamp: stdTimeFunctions.isoTime }, streams),
		lines: {
			on: (listener) => {
				listeners.add(listener);
				return () => listeners.delete(listener);
			}
		}
	};
}

function toLine(text: string): LogLine {
	const { level, source, msg } = JSON.parse(text) as {
		level: number;
		source?: string;
		msg?: string;
	};
	return {
		level: level >= 50 ? 'error' : level >= 40 ? 'warn' : level >= 30 ? 'info' : 'debug',
		source: source ?? 'app',
		message: msg ?? ''
	};
}
