import { spawn } from 'node:child_process';

/** Runs psql if it is installed, and returns its exit code. */
export function openPsql(url: string, args: string[]): Promise<number> {
	const { connection, password } = withoutPassword(url);
	const child = spawn('psql', [`--dbname=${connection}`, ...args], {
		stdio: 'inherit',
		// Not as an argument: all users of this machine can read arguments.
		env: password === null ? process.env : { ...process.env, PGPASSWORD: password }
	});
	return new Promise((resolve, reject) => {
		child.once('error', (error: NodeJS.ErrnoException) => {
			const missing =
				'psql is not installed. Install the client of PostgreSQL, or use: npm run sql';
			reject(error.code === 'ENOENT' ? new Error(missing, { cause: error }) : error);
		});
		child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
	});
}

/** Works on the text, because an address may have several hosts, which `URL` does not support. */
function withoutPassword(url: string): { connection: string; password: string | null } {
	const [, start = '', password, rest = ''] = /^(\w+:\/\/[^:@/]*):([^@/]*)(@.*)$/.exec(url) ?? [];
	if (password === undefined) return { connection: url, password: null };
	return { connection: start + rest, password: decodeURIComponent(password) };
}
