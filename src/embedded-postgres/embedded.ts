import { randomBytes } from 'node:crypto';
import { chown, lstat, mkdir, mkdtemp, readFile, realpath, rename } from 'node:fs/promises';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canEnter, serverAccount } from './account.ts';
import { locateBinaries, SHARED_FOLDER } from './binaries.ts';
import { openClient } from '$src/app/driver-client.ts';
import type { Cluster } from './cluster.ts';
import {
	freePort,
	generatePassword,
	initCluster,
	openFolder,
	runningServer,
	startCluster,
	stopCluster
} from './cluster.ts';
import { locked as exclusively } from './locked.ts';
import { SoleConnection } from 'logline/postgres';
import { waitForDatabase } from 'logline/postgres';

/** A database to use, and how to release it. */
export interface LocatedDatabase {
	url: string;
	/** Call it after all connections have been closed. A second call does nothing. */
	release(): Promise<void>;
}

/** Content of `.data/postgres.json`, which only its owner can read. */
interface Remembered {
	password: string;
	/** 0 before the first start. */
	port: number;
}

const DATABASE = 'logline';

/**
 * Starts PostgreSQL on the data in `<root>/.data/postgres`, which the first start creates. When another Logline process
 * already runs a server there, it uses that server. The last process to release the server stops it. After a kill -9 of a
 * process or of the server, the next start recovers.
 *
 * @param notice called with one line when data or programs had to be put elsewhere
 * @throws Error that says what to do when no server can be started
 */
export async function startEmbedded(
	root: string,
	notice: (line: string) => void = (line) => console.log(line)
): Promise<LocatedDatabase> {
	const folder = join(root, '.data');
	await openFolder(folder);
	return locked(folder, async () => {
		const remembered = await recall(folder);
		const cluster = await ensureCluster(folder, remembered.password, notice);
		const port = await ensureRunning(cluster, remembered.port);
		if (port !== remembered.port) await remember(folder, { ...remembered, port });

		const url = (database: string) =>
			`postgres://postgres:${remembered.password}@127.0.0.1:${port}/${database}`;
		await ensureDatabase(url('postgres'));
		const leave = await bePresent(url('postgres'));
		let released: Promise<void> | null = null;
		return {
			url: url(DATABASE),
			release: () =>
				(released ??= locked(folder, async () => {
					const server = await runningServer(cluster);
					if (await leave(server !== null)) await stopCluster(cluster);
				}))
		};
	});
}

/** Only one process at a time starts or stops the server, so that the state it has read stays true until it acts. */
const locked = <T>(folder: string, work: () => Promise<T>): Promise<T> =>
	// If the lock is lost, Postgres itself still refuses a second server on the same data.
	exclusively(folder, 'postgres.lock', work);

async function recall(folder: string): Promise<Remembered> {
	const file = join(folder, 'postgres.json');
	const text = await readFile(file, 'utf8').catch((error: unknown) => {
		const { code } = error as NodeJS.ErrnoException;
		if (code === 'ENOENT') return null;
		throw new Error(
			`${file} cannot be read (${code}). It belongs to whoever started first: start as that user.`
		);
	});
	if (text !== null) return JSON.parse(text) as Remembered;
	if (await exists(join(folder, 'postgres'))) {
		throw new Error(
			`${file} with the password of the data in ${folder}/postgres is missing. ` +
				'Put it back, or remove the data to start with an empty database.'
		);
	}
	const fresh = { password: generatePassword(), port: 0 };
	await remember(folder, fresh);
	return fresh;
}

async function remember(folder: string, remembered: Remembered): Promise<void> {
	const file = join(folder, 'postgres.json');
	await writeFile(`${file}.new`, JSON.stringify(remembered), { mode: 0o600 });
	await rename(`${file}.new`, file);
}

/**
 * Finds the data or creates it: in `.data/postgres`, or elsewhere with a link there when the server's user cannot enter
 * `.data`.
 */
async function ensureCluster(
	folder: string,
	password: string,
	notice: (line: string) => void
): Promise<Cluster> {
	const link = join(folder, 'postgres');
	const isNew = !(await exists(link));
	const data = isNew
		? null
		: await realpath(link).catch((cause: unknown) => {
				throw new Error(
					`${link} points to data that is gone. Remove the link to start with an empty database.`,
					{ cause }
				);
			});
	const account = await serverAccount(data ?? link);
	const binaries = await locateBinaries(account, notice);
	if (data) {
		if (!(await canEnter(data, account))) {
			throw new Error(
				`PostgreSQL's user cannot enter ${data}. Open the folders above it (chmod a+x), or set DATABASE_URL.`
			);
		}
		return { binaries, account, data, log: `${data}.log` };
	}

	if (await canEnter(folder, account)) {
		const place = join(await realpath(folder), 'postgres');
		const cluster = { binaries, account, data: place, log: `${place}.log` };
		await initCluster(cluster, password);
		return cluster;
	}
	await mkdir(SHARED_FOLDER, { recursive: true, mode: 0o755 });
	const home = await mkdtemp(join(SHARED_FOLDER, 'data-'));
	if (account) await chown(home, account.uid, account.gid);
	const place = join(home, 'postgres');
	const cluster = { binaries, account, data: place, log: `${place}.log` };
	await initCluster(cluster, password);
	await symlink(place, link);
	notice(`PostgreSQL's data is in ${place}, linked from ${link}: its user cannot reach ${folder}`);
	return cluster;
}

/**
 * Starts the server if it does not run.
 *
 * @returns its port
 */
async function ensureRunning(cluster: Cluster, preferred: number): Promise<number> {
	const running = await runningServer(cluster);
	if (running) return running.port;
	for (let attempt = 1; ; attempt++) {
		const port = await freePort(attempt === 1 ? preferred : 0);
		try {
			await startCluster(cluster, port);
			return port;
		} catch (error) {
			// Another program may have taken the port meanwhile, or child processes of a killed server may still hold its
			// memory.
			if (attempt === 5) throw error;
		}
	}
}

async function ensureDatabase(url: string): Promise<void> {
	const on = new SoleConnection(url, { name: 'start', answerMs: 60_000 });
	try {
		await waitForDatabase(on, url, 120_000);
		const found = await on.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
		if (found.length === 0) await on.query(`CREATE DATABASE ${DATABASE}`, []);
	} finally {
		await on.end();
	}
}

/**
 * Shows other processes that this one uses the server. It holds a connection, which ends when the process ends for any
 * reason.
 *
 * @returns a function that closes the connection and resolves to true when no other process uses the server
 */
async function bePresent(url: string): Promise<(reachable: boolean) => Promise<boolean>> {
	const name = `present ${randomBytes(6).toString('hex')}`;
	const sql = openClient(url, { max: 1, name });
	try {
		// `listen` reconnects by itself after a restart of the server. An idle connection would not.
		await sql.listen('logline_presence', () => {});
	} catch (error) {
		await sql.end({ timeout: 1 });
		throw error;
	}
	return async (reachable) => {
		try {
			if (!reachable) return false;
			const others = await sql`
				select from pg_stat_activity
				where application_name like 'logline present %' and application_name <> ${`logline ${name}`}
				limit 1`;
			return others.length === 0;
		} finally {
			await sql.end({ timeout: 1 });
		}
	};
}

async function exists(path: string): Promise<boolean> {
	return lstat(path).then(
		() => true,
		() => false
	);
}
