import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { inject } from 'vitest';
import { freePort } from '../../src/embedded-postgres/cluster.ts';
import { until } from './until.ts';

/** The production build in its own process. The caller must call `stop()`. */
export interface BuiltApp {
	/** Origin that browsers use. It stays the same after a restart. */
	readonly url: string;
	readonly port: number;
	/** Id of the process that runs, or ran last. */
	readonly pid: number;
	/** False after its end, until the next start. */
	readonly runs: boolean;
	/** Returns how many streams it has. */
	connections(): Promise<number>;
	/** Returns everything that the processes have written to standard output and standard error. */
	output(): string;
	/** Ends the process like the out-of-memory killer: it cannot react. */
	kill9(): Promise<void>;
	/**
	 * Asks it to end, as a deployment does.
	 *
	 * @returns how it ended and after how many milliseconds
	 */
	terminate(): Promise<Exit>;
	/** Starts it again on the same port, after `kill9` or `terminate`. */
	restart(): Promise<void>;
	/** Ends it if it still runs. */
	stop(): Promise<void>;
}

/** How a process ended. `signal` is set when a signal ended it. */
export interface Exit {
	code: number | null;
	signal: NodeJS.Signals | null;
	ms: number;
}

/** Options of a started server. */
export interface BuiltAppOptions {
	/** null: the embedded server, with its data in `cwd`. */
	databaseUrl: string | null;
	env?: Record<string, string>;
	/** Port that browsers use, when a proxy is in between. */
	publicPort?: number;
	cwd?: string;
	/** Path that answers 200 when it serves. Default: `/api/health`. */
	readyAt?: string;
	/** Returns what Node runs instead of the build. `port` is the port to listen on. */
	command?: (port: number) => string[];
}

/** Starts the build and waits until it serves. Without demo events, unless `env` enables them. */
export async function startBuiltApp(options: BuiltAppOptions): Promise<BuiltApp> {
	// None of those that the system gives to connections: `npm start` may build for ten seconds before it listens.
	const port = await freePort(randomInt(15_000, 30_000));
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
		// Its own process group, so that a test can see whether it leaves processes behind.
		child = spawn(process.execPath, args, { env, cwd: options.cwd, detached: true });
		for (const stream of [child.stdout!, child.stderr!]) {
			stream.setEncoding('utf8').on('data', (text: string) => (output += text));
		}
		exited = once(child, 'exit') as typeof exited;
		try {
			await until(async () => !runs() || (await isReady(port, options.readyAt ?? '/api/health')), {
				what: 'the server answers',
				// The start may include a build and a new database.
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
		get runs() {
			return runs();
		},
		connections: async () => {
			const response = await fetch(`http://127.0.0.1:${port}/api/health`);
			return ((await response.json()) as { activeConnections: number }).activeConnections;
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
		// With this variable of the test runner, Vite would behave as in a test.
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

async function isReady(port: number, path: string): Promise<boolean> {
	const response = await fetch(`http://127.0.0.1:${port}${path}`);
	await response.body?.cancel();
	return response.status === 200;
}
