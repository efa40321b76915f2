import { chown, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canEnter, serverAccount } from '../../src/embedded-postgres/account.ts';
import { locateBinaries, SHARED_FOLDER } from '../../src/embedded-postgres/binaries.ts';
import { run, type Account } from '../../src/embedded-postgres/program.ts';
import type { Cluster, Settings } from '../../src/embedded-postgres/cluster.ts';
import {
	freePort,
	generatePassword,
	initCluster,
	isAlive,
	runningServer,
	startCluster,
	stopCluster
} from '../../src/embedded-postgres/cluster.ts';
import { until } from './until.ts';

/** A private PostgreSQL 18, for tests that would disturb the shared server. */
export interface PrivateServer {
	/** As superuser; database `postgres`. It stays the same after a restart. */
	readonly url: string;
	readonly port: number;
	/** The data folder. */
	readonly data: string;
	/** The settings it was started with. */
	readonly settings: Settings;
	/** Kills the postmaster with SIGKILL, like the out-of-memory killer, and waits until every backend has ended. */
	kill9(): Promise<void>;
	/** Fast shutdown: clients are disconnected. */
	stop(): Promise<void>;
	/** Starts it again on the same port, with crash recovery if needed. */
	start(): Promise<void>;
	/** Stops it and removes the data. */
	remove(): Promise<void>;
}

const PREFIX = 'logline-test-';

/**
 * Starts a private server. The caller must call `remove()` in the end.
 *
 * @param settings lines for postgresql.conf, in addition to those of the embedded server
 */
export function startServer(settings: Settings = {}): Promise<PrivateServer> {
	return makeServer({ settings, password: generatePassword() });
}

/** @param options.fill creates the data folder; absent: the folder of an empty server */
export async function makeServer(options: {
	settings: Settings;
	password: string;
	fill?: (data: string, account: Account | null) => Promise<void>;
}): Promise<PrivateServer> {
	const { settings, password, fill } = options;
	const account = await serverAccount('');
	const binaries = await locateBinaries(account, () => {});
	const home = await makeHome();
	if (account) await chown(home, account.uid, account.gid);
	const data = join(home, 'postgres');
	const cluster: Cluster = { binaries, account, data, log: `${data}.log` };
	const start = () => startCluster(cluster, port, settings);
	let port: number;
	try {
		await (fill ? fill(data, account) : initCluster(cluster, password));
		port = await freePort();
		await start();
	} catch (error) {
		await rm(home, { recursive: true, force: true });
		throw error;
	}
	return {
		url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
		port,
		data,
		settings,
		kill9: () => kill9(cluster),
		stop: () => stopCluster(cluster),
		start,
		remove: async () => {
			await stopCluster(cluster);
			await rm(home, { recursive: true, force: true });
		}
	};
}

/** Stops and removes servers left by test processes that were killed. */
export async function sweepServers(): Promise<void> {
	const account = await serverAccount('');
	const binaries = await locateBinaries(account, () => {});
	for (const parent of [tmpdir(), SHARED_FOLDER]) {
		for (const name of await readdir(parent).catch(() => [])) {
			const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
			if (!owner || isAlive(Number(owner))) continue;
			const data = join(parent, name, 'postgres');
			await stopCluster({ binaries, account, data, log: `${data}.log` });
			await rm(join(parent, name), { recursive: true, force: true });
		}
	}
}

async function makeHome(): Promise<string> {
	// The process id tells `sweepServers` whether the folder is still used.
	const prefix = `${PREFIX}${process.pid}-`;
	const account = await serverAccount('');
	if (await canEnter(tmpdir(), account)) return mkdtemp(join(tmpdir(), prefix));
	await mkdir(SHARED_FOLDER, { recursive: true, mode: 0o755 });
	return mkdtemp(join(SHARED_FOLDER, prefix));
}

async function kill9(cluster: Cluster): Promise<void> {
	const server = await runningServer(cluster);
	if (!server) throw new Error('The server does not run');
	const backends = await childrenOf(server.pid);
	process.kill(server.pid, 'SIGKILL');
	// Backends end by themselves after the postmaster, but at different times.
	for (const pid of backends) if (isAlive(pid)) kill(pid);
	await until(
		async () => (await Promise.all([server.pid, ...backends].map(isRunning))).every((is) => !is),
		{ what: 'the processes of the killed server are gone' }
	);
}

async function childrenOf(pid: number): Promise<number[]> {
	const list =
		process.platform === 'linux'
			? await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
			: await run('pgrep', ['-P', String(pid)]);
	return list.trim().split(/\s+/).filter(Boolean).map(Number);
}

/** A zombie counts as ended. */
async function isRunning(pid: number): Promise<boolean> {
	if (process.platform !== 'linux') return isAlive(pid);
	const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z');
	return !/\) [ZX]/.test(stat);
}

function kill(pid: number): void {
	try {
		process.kill(pid, 'SIGKILL');
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
	}
}
