import { chown, mkdir, mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
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

/** Environment variable: where the folder is that `startServer` copies. */
const TEMPLATE = 'LOGLINE_TEST_SERVER_TEMPLATE';

/** A file system in memory, on Linux. */
const MEMORY = '/dev/shm';
/** The WAL of a busy server and a few databases. Bytes. */
const LEAST_MEMORY = 4e9;

/**
 * Starts a private server. The caller must call `remove()` in the end.
 *
 * @param settings lines for postgresql.conf, in addition to those of the embedded server
 * @param options.inMemory keep the data in memory if the system has room for it. A database is a few hundred files, and ext4
 *   creates files slowly while it remembers many that were just deleted.
 */
export async function startServer(
	settings: Settings = {},
	options: { inMemory?: boolean } = {}
): Promise<PrivateServer> {
	const template = process.env[TEMPLATE];
	if (!template) return makeServer({ settings, password: generatePassword(), ...options });
	const password = await readFile(join(template, 'password'), 'utf8');
	const fill = async (data: string, account: Account | null) => {
		await run('cp', ['-pR', join(template, 'postgres'), data], account);
	};
	return makeServer({ settings, password, fill, ...options });
}

/**
 * From now on, this process and those that it starts copy the folder of an empty server. To create one anew takes six times the
 * work.
 *
 * @returns ends that, and removes the folder
 */
export async function prepareServers(): Promise<() => Promise<void>> {
	// A run that a test starts, as of a copy of the tree, has it from the run around it.
	if (process.env[TEMPLATE]) return () => Promise.resolve();
	const account = await serverAccount('');
	const binaries = await locateBinaries(account, () => {});
	const home = await makeHome(account, true);
	const data = join(home, 'postgres');
	const password = generatePassword();
	await writeFile(join(home, 'password'), password, { mode: 0o600 });
	await initCluster({ binaries, account, data, log: `${data}.log` }, password);
	process.env[TEMPLATE] = home;
	return async () => {
		delete process.env[TEMPLATE];
		await rm(home, { recursive: true, force: true });
	};
}

/** @param options.fill creates the data folder; absent: the folder of an empty server */
export async function makeServer(options: {
	settings: Settings;
	password: string;
	inMemory?: boolean;
	fill?: (data: string, account: Account | null) => Promise<void>;
}): Promise<PrivateServer> {
	const { settings, password, fill, inMemory = false } = options;
	const account = await serverAccount('');
	const binaries = await locateBinaries(account, () => {});
	const home = await makeHome(account, inMemory);
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
	for (const parent of [tmpdir(), SHARED_FOLDER, MEMORY]) {
		for (const name of await readdir(parent).catch(() => [])) {
			const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
			if (!owner || isAlive(Number(owner))) continue;
			const data = join(parent, name, 'postgres');
			await stopCluster({ binaries, account, data, log: `${data}.log` });
			await rm(join(parent, name), { recursive: true, force: true });
		}
	}
}

async function makeHome(account: Account | null, inMemory: boolean): Promise<string> {
	// The process id tells `sweepServers` whether the folder is still used.
	const home = await mkdtemp(
		join(await parentOfHome(account, inMemory), `${PREFIX}${process.pid}-`)
	);
	if (account) await chown(home, account.uid, account.gid);
	return home;
}

async function parentOfHome(account: Account | null, inMemory: boolean): Promise<string> {
	if (inMemory && (await hasMemory())) return MEMORY;
	if (await canEnter(tmpdir(), account)) return tmpdir();
	await mkdir(SHARED_FOLDER, { recursive: true, mode: 0o755 });
	return SHARED_FOLDER;
}

/** @returns false where there is no such folder, or little room, as in most containers */
async function hasMemory(): Promise<boolean> {
	const room = await statfs(MEMORY).catch(() => null);
	return room !== null && room.bavail * room.bsize >= LEAST_MEMORY;
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
