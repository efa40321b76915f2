import { existsSync } from 'node:fs';
import { loadConfig, type Config } from '$src/app/config.ts';
import { locateDatabase } from '$src/embedded-postgres/locate.ts';

/** Reads `.env` if it exists. Variables that are already set keep their values. */
export function loadEnvironment(): Config {
	if (existsSync('.env')) process.loadEnvFile('.env');
	return loadConfig(process.env);
}

/** Runs a command. An error is shown as one message without a stack, and the exit code is 1. */
export function runCommand(command: () => Promise<number | void>): void {
	command().then(
		(code) => {
			process.exitCode = code ?? 0;
		},
		(error: unknown) => {
			console.error(error instanceof Error ? error.message : String(error));
			process.exitCode = 1;
		}
	);
}

/**
 * Runs work with the database of the app, and releases the database afterwards, also when a signal ends the process.
 *
 * @param options.onInterrupt called at Ctrl-C instead of ending the process
 */
export async function withDatabase<T>(
	work: (url: string) => Promise<T>,
	options: { onInterrupt?: () => void } = {}
): Promise<T> {
	const config = loadEnvironment();
	const located = await locateDatabase(config, process.cwd(), (line) => console.error(line));
	const leave = (signal: NodeJS.Signals) => {
		void located.release().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143));
	};
	process.on('SIGINT', options.onInterrupt ?? leave);
	process.on('SIGTERM', leave);
	process.stdout.on('error', (error: NodeJS.ErrnoException) => {
		// The reader closed the pipe, as in "| head".
		if (error.code !== 'EPIPE') console.error(error.message);
		void located.release().finally(() => process.exit(error.code === 'EPIPE' ? 0 : 1));
	});
	try {
		return await work(located.url);
	} finally {
		await located.release();
	}
}
