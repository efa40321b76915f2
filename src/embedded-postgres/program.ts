import { spawn } from 'node:child_process';

/** The user account that a command runs as; null: the current account. */
export interface Account {
	uid: number;
	gid: number;
}

/**
 * Runs a program until it ends.
 *
 * @returns its output
 * @throws Error with its output when it fails, or when it cannot be started
 */
export function run(file: string, args: string[], account: Account | null = null): Promise<string> {
	// PGDATA, PGPORT and similar variables are meant for another server and must not reach ours.
	const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PG'));
	return new Promise((resolve, reject) => {
		const child = spawn(file, args, {
			// The account may have no access to the current folder.
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

/** @returns true when the program can be run and succeeds */
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
