import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

/** How a command ended, and its output. */
export interface Outcome {
	code: number | null;
	out: string;
	err: string;
}

/** Options of a command. */
export interface CommandOptions {
	env?: Record<string, string | undefined>;
	cwd?: string;
	/** Standard input. Default: nothing. */
	input?: string;
	/** Called as soon as the process has been started. */
	onStart?: (child: ChildProcess) => void;
}

/** Runs one of src/commands, as a user at a terminal does. */
export function command(
	name: string,
	args: string[],
	options: CommandOptions = {}
): Promise<Outcome> {
	const cwd = options.cwd ?? process.cwd();
	const child = spawn(
		process.execPath,
		['--import', 'tsx', join(cwd, `src/commands/${name}.ts`), ...args],
		{ cwd, env: { ...process.env, ...options.env }, stdio: 'pipe' }
	);
	child.stdin.end(options.input ?? '');
	let out = '';
	let err = '';
	child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
	child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
	options.onStart?.(child);
	return new Promise((resolve, reject) => {
		child.once('error', reject);
		child.once('close', (code) => resolve({ code, out, err }));
	});
}
