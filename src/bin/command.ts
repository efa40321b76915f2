import { existsSync } from 'node:fs';
import { loadConfig, type Config } from '$lib/server/config.ts';
import { locateDatabase } from '$lib/server/database/locate.ts';

/** Reads `.env`, where there is one: what the environment already says stays. */
export function loadEnvironment(): Config {
	if (existsSync('.env')) process.loadEnvFile('.env');
	return loadConfig(process.env);
}

/** Runs a command: what it throws is shown as one message, without a stack, and fails the process. */
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
 * Does something with the database that the app uses, and gives it back afterwards: also when a signal ends the process.
 *
 * @param options.onInterrupt called instead of ending at Ctrl-C
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
	try {
		return await work(located.url);
	} finally {
		await located.release();
	}
}
