import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { bundled } from './bundled-program.ts';

/** How a command ended, and its output. */
export interface Outcome {
	code: number | null;
	out: string;
	err: string;
}

/** Options of a command. */
export interface CommandOptions {
	env?: Record<string, string | undefined>;
	/** A copy of the project, whose sources it runs. Default: this one. */
	cwd?: string;
	/** As package.json says it: tsx translates the sources at each start. Always so in a copy. */
	translate?: boolean;
	/** Standard input. Default: nothing. */
	input?: string;
	/** Called as soon as the process has been started. */
	onStart?: (child: ChildProcess) => void;
}

/**
 * Runs one of src/commands, as a user at a terminal does. Its sources are bundled before its first start: tsx would take
 * most of the time of each. So one test of each command asks for `translate`.
 */
export async function command(
	name: string,
	args: string[],
	options: CommandOptions = {}
): Promise<Outcome> {
	const cwd = options.cwd ?? process.cwd();
	const source = `src/commands/${name}.ts`;
	const program =
		options.translate || options.cwd
			? ['--import', 'tsx', join(cwd, source)]
			: [await bundled(source)];
	const child = spawn(process.execPath, [...program, ...args], {
		cwd,
		env: { ...process.env, ...options.env },
		stdio: 'pipe'
	});
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
