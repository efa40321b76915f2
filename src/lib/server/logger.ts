import { pino, multistream, stdTimeFunctions, type Logger } from 'pino';

/** A line the application logged, without what it was logged about. */
export interface LogLine {
	level: 'debug' | 'info' | 'warn' | 'error';
	/** Part of the application that logged it. */
	source: string;
	message: string;
}

/** Where lines can be listened to. */
export interface LogLines {
	/** Returns how to stop listening. */
	on(listener: (line: LogLine) => void): () => void;
}

/**
 * Makes the application's logger: JSON lines on standard output, and to whoever listens.
 *
 * @param level least level that is logged, as pino names it
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
