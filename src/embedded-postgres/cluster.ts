import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Binaries } from './binaries.ts';
import type { Account } from './program.ts';
import { run } from './program.ts';

/** One embedded PostgreSQL server: its programs, its data, and the account it runs as. */
export interface Cluster {
	binaries: Binaries;
	account: Account | null;
	/** The data folder. No part of its path is a symbolic link. */
	data: string;
	/** The server's log file. */
	log: string;
}

/** Lines of postgresql.conf. */
export type Settings = Record<string, string>;

const SETTINGS: Settings = {
	listen_addresses: '127.0.0.1',
	// The default folder for sockets may not exist, and we use no Unix socket.
	unix_socket_directories: '',
	max_connections: '200',
	shared_buffers: '128MB',
	// An event that a reader has seen must survive a crash, so these must stay on.
	fsync: 'on',
	synchronous_commit: 'on'
};

/** Larger than any process id of a system. */
const NO_PROCESS = '2147483646';

/** Returns a random password. */
export function generatePassword(): string {
	return randomBytes(24).toString('base64url');
}

/** Creates an empty cluster with the superuser `postgres`. If it is interrupted, no data folder is left. */
export async function initCluster(cluster: Cluster, password: string): Promise<void> {
	const aside = `${cluster.data}.new`;
	const secret = `${cluster.data}.password`;
	await rm(aside, { recursive: true, force: true });
	await mkdir(aside, { mode: 0o700 });
	try {
		await writeFile(secret, `${password}\n`, { mode: 0o600 });
		await give(cluster.account, aside, secret);
		await run(
			cluster.binaries.initdb,
			[
				`--pgdata=${aside}`,
				`--pwfile=${secret}`,
				'--username=postgres',
				'--auth=scram-sha-256',
				'--encoding=UTF8',
				// The same sort order and letter case on every machine, whatever locales it has.
				'--locale=C',
				'--locale-provider=builtin',
				'--builtin-locale=C.UTF-8'
			],
			cluster.account
		);
	} finally {
		await rm(secret, { force: true });
	}
	await writeFile(join(aside, 'postgresql.conf'), "include 'logline.conf'\n", { flag: 'a' });
	await rename(aside, cluster.data);
}

/**
 * Starts the server and waits until it accepts connections. This includes crash recovery. The server gets its own process
 * group, so that Ctrl-C in the terminal does not stop it.
 *
 * @param seconds how long to wait
 * @throws Error with the end of the server's log
 */
export async function startCluster(
	cluster: Cluster,
	port: number,
	settings: Settings = {},
	seconds = 120
): Promise<void> {
	if (await runningServer(cluster)) throw new Error(`A server runs already on ${cluster.data}`);
	const lines = Object.entries({ ...SETTINGS, ...settings, port: String(port) });
	const file = join(cluster.data, 'logline.conf');
	await writeFile(
		file,
		`# Written anew at each start.\n${lines.map(([name, value]) => `${name} = '${value}'\n`).join('')}`
	);
	await rename(cluster.log, `${cluster.log}.old`).catch(ignoreMissing);
	await writeFile(cluster.log, '', { mode: 0o600 });
	await give(cluster.account, file, cluster.log);
	try {
		await run(
			cluster.binaries.pgCtl,
			['start', '-w', '-t', String(seconds), '-D', cluster.data, '-l', cluster.log, '-s'],
			cluster.account
		);
	} catch (cause) {
		const log = await readFile(cluster.log, 'utf8').catch(() => '');
		throw new Error(`PostgreSQL did not start. The end of ${cluster.log}:\n${log.slice(-2000)}`, {
			cause
		});
	}
}

/** Stops the server: clients are disconnected, and all committed data is on disk. Does nothing when it is not running. */
export async function stopCluster(cluster: Cluster): Promise<void> {
	if (!(await runningServer(cluster))) return;
	await run(
		cluster.binaries.pgCtl,
		['stop', '-m', 'fast', '-w', '-t', '60', '-D', cluster.data, '-s'],
		cluster.account
	);
}

/**
 * Returns the server that runs on this data, ready or still recovering.
 *
 * @returns null when none runs. When the process id in `postmaster.pid` now belongs to another program, the id in the file
 *   is replaced: otherwise Postgres would take that program for the server.
 */
export async function runningServer(
	cluster: Pick<Cluster, 'data'>
): Promise<{ pid: number; port: number } | null> {
	const file = join(cluster.data, 'postmaster.pid');
	const lines = (await readFile(file, 'utf8').catch(emptyWhenMissing)).split('\n');
	const pid = Number(lines[0]);
	if (!(pid > 0) || !isAlive(pid)) return null;
	if (!(await isServer(pid))) {
		// Keep the rest of the file: Postgres needs it to detect child processes of a killed server that still use its
		// memory.
		await writeFile(file, [NO_PROCESS, ...lines.slice(1)].join('\n'));
		return null;
	}
	return { pid, port: Number(lines[3] ?? 0) };
}

/** Returns a free port of 127.0.0.1. */
export function freePort(preferred = 0): Promise<number> {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once('error', (error) => (preferred ? resolve(freePort()) : reject(error)));
		server.listen(preferred, '127.0.0.1', () => {
			const address = server.address();
			server.close(() => resolve((address as { port: number }).port));
		});
	});
}

/** @returns true when a process with this id exists */
export function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === 'EPERM';
	}
}

async function isServer(pid: number): Promise<boolean> {
	if (process.platform === 'win32') return true;
	const command =
		process.platform === 'linux'
			? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(emptyWhenMissing)
			: await run('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => '');
	// Empty for a zombie: a process that has ended and was not reaped by its parent, as in containers without an init.
	return /postgres/.test(command.split('\0')[0] ?? '');
}

async function give(account: Account | null, ...paths: string[]): Promise<void> {
	if (!account) return;
	for (const path of paths) await chown(path, account.uid, account.gid);
}

/** Creates a folder that the server's user can enter, whatever the umask is. An existing folder is not changed. */
export async function openFolder(folder: string): Promise<void> {
	const made = await mkdir(folder, { recursive: true });
	if (made && process.getuid?.() === 0) await chmod(folder, 0o755);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
	if (error.code !== 'ENOENT') throw error;
}

function emptyWhenMissing(error: NodeJS.ErrnoException): string {
	// Reading files in /proc of a process that is ending fails with ESRCH.
	if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
	return '';
}
