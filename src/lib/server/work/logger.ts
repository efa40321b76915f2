/** Writes one line: a message, or details and a message. An error is passed as `err` in the details. */
interface WriteLine {
	(message: string): void;
	(details: object, message: string): void;
}

/** Where the library writes its log lines. A pino logger fits. */
export interface Logger {
	debug: WriteLine;
	info: WriteLine;
	warn: WriteLine;
	error: WriteLine;
	/** Returns a logger whose lines name the part of the library that wrote them. */
	child(bindings: { source: string }): Logger;
}

/** Writes warnings and errors to the console, and nothing else. */
export function consoleLogger(source = 'logline'): Logger {
	const write =
		(to: 'warn' | 'error'): WriteLine =>
		(details: object | string, message?: string) => {
			if (typeof details === 'string') console[to](`[${source}]`, details);
			else console[to](`[${source}]`, message, (details as { err?: unknown }).err ?? details);
		};
	const quiet: WriteLine = () => {};
	return {
		debug: quiet,
		info: quiet,
		warn: write('warn'),
		error: write('error'),
		child: (bindings) => consoleLogger(`${source} ${bindings.source}`)
	};
}
