import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { inject } from 'vitest';
import { freePort } from '../../src/lib/server/database/cluster.ts';
import { until } from './until.ts';

/** The production build in a process of its own. Whoever starts it calls `stop()`. */
export interface BuiltApp {
	/** Origin that browsers use. Stays the same over restarts. */
	readonly url: string;
	readonly port: number;
	/** Of the process that runs, or ran last. */
	readonly pid: number;
	/** Everything the processes have written to standard output and standard error. */
	output(): string;
	/** Ends the process as the out-of-memory killer does: it gets to say and do nothing any more. */
	kill9(): Promise<void>;
	/** Asks it to end, as a deployment does, and answers how it did and after how many milliseconds. */
	terminate(): Promise<Exit>;
	/** Starts it again on the same port, after `kill9` or `terminate`. */
	restart(): Promise<void>;
	/** Ends it, if it still runs. */
	stop(): Promise<void>;
}

/** How a process ended; `signal` when it did not end by itself. */
export interface Exit {
	code: number | null;
	signal: NodeJS.Signals | null;
	ms: number;
}

/** What can be chosen of a server that is started. */
export interface BuiltAppOptions {
	/** null: the embedded server, with its data in `cwd`. */
	databaseUrl: string | null;
	env?: Record<string, string>;
	/** Port that browsers use, when something stands in between. */
	publicPort?: number;
	cwd?: string;
	/** What Node runs instead of the build. `port` is where it must listen. */
	command?: (port: number) => string[];
}

/** Starts the build and waits until it serves. Without demo events, unless `env` says so. */
export async function startBuiltApp(options: BuiltAppOptions): Promise<BuiltApp> {
	const port = await freePort();
	const url = `http://localhost:${options.publicPort ?? port}`;
	const args = options.command?.(port) ?? [inject('builtApp')];
	const env: NodeJS.ProcessEnv = { ...process.env, ...settings(port, url, options) };
	let output = '';
	let child: ChildProcess;
	let exited: Promise<[number | null, NodeJS.Signals | null]>;

	const runs = () => child.exitCode === null && child.signalCode === null;
	const end = async (signal: NodeJS.Signals) => {
		const started = performance.now();
		if (runs()) child.kill(signal);
		const [code, by] = await exited;
		return { code, signal: by, ms: performance.now() - started };
	};
	const start = async () => {
		// A group of its own, so that a test can see whether it leaves anybody behind.
		child = spawn(process.execPath, args, { env, cwd: options.cwd, detached: true });
		for (const stream of [child.stdout!, child.stderr!]) {
			stream.setEncoding('utf8').on('data', (text: string) => (output += text));
		}
		exited = once(child, 'exit') as typeof exited;
		try {
			await until(async () => !runs() || (await isReady(port)), {
				what: 'the server answers',
				// Starting may include a build and a new database.
				timeoutMs: 120_000,
				everyMs: 50
			});
			if (!runs()) throw new Error('The server has ended instead of serving');
		} catch (cause) {
			await end('SIGKILL');
			throw new Error(`The server did not start. It wrote:\n${output}`, { cause });
		}
	};
	await start();

	return {
		url,
		port,
		get pid() {
			return child.pid!;
		},
		output: () => output,
		kill9: async () => {
			await end('SIGKILL');
		},
		terminate: () => end('SIGTERM'),
		restart: start,
		stop: async () => {
			await end('SIGKILL');
		}
	};
}

function settings(
	port: number,
	origin: string,
	{ databaseUrl, env }: BuiltAppOptions
): Record<string, string | undefined> {
	return {
		NODE_ENV: 'production',
		// What the test runner sets would make Vite behave as under test.
		VITEST: undefined,
		HOST: '127.0.0.1',
		PORT: String(port),
		ORIGIN: origin,
		DATABASE_URL: databaseUrl ?? undefined,
		DEMO: '0',
		LOG_LEVEL: 'info',
		...env
	};
}

async function isReady(port: number): Promise<boolean> {
	const response = await fetch(`http://127.0.0.1:${port}/api/health`);
	await response.body?.cancel();
	return response.status === 200;
}
