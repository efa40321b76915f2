import { spawn } from 'node:child_process';

/** The operating system's user that a command runs as; null: the one we are. */
export interface Account {
	uid: number;
	gid: number;
}

/**
 * Runs a program to its end and answers what it printed.
 *
 * @throws Error with what it printed when it fails, or when it cannot be started.
 */
export function run(file: string, args: string[], account: Account | null = null): Promise<string> {
	// PGDATA, PGPORT and their like, set for somebody's other server, must not reach ours.
	const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PG'));
	return new Promise((resolve, reject) => {
		const child = spawn(file, args, {
			// The folder we were started in may be closed to the account.
			cwd: '/',
			env: { ...Object.fromEntries(inherited), LC_ALL: 'C' },
			stdio: ['ignore', 'pipe', 'pipe'],
			windowsHide: true,
			...account
		});
		let output = '';
		const collect = (bytes: Buffer) => (output = (output + bytes.toString()).slice(-10_000));
		child.stdout.on('data', collect);
		child.stderr.on('data', collect);
		child.once('error', reject);
		child.once('close', (code, signal) => {
			if (code === 0) resolve(output);
			else reject(new Error(`${file} ended with ${signal ?? `code ${code}`}:\n${output.trim()}`));
		});
	});
}

/** Whether the program can be run and succeeds. */
export async function succeeds(
	file: string,
	args: string[],
	account: Account | null
): Promise<boolean> {
	return run(file, args, account).then(
		() => true,
		() => false
	);
}
