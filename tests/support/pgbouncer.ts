import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverAccount } from '../../src/embedded-postgres/account.ts';
import { freePort } from '../../src/embedded-postgres/cluster.ts';
import { until } from './until.ts';

/** True when PgBouncer is installed (Debian: apt-get install pgbouncer). */
export const hasPgBouncer = spawnSync('pgbouncer', ['--version']).status === 0;

/** A PgBouncer in front of a database. The caller must call `stop()`. */
export interface PgBouncer {
	/** Like the database's own URL, but through PgBouncer. */
	readonly url: string;
	stop(): Promise<void>;
}

/** @param settings lines of its configuration, such as `pool_mode` */
export async function startPgBouncer(
	databaseUrl: string,
	settings: Record<string, string | number>
): Promise<PgBouncer> {
	const target = new URL(databaseUrl);
	const port = await freePort();
	const folder = await mkdtemp(join(tmpdir(), 'logline-pgbouncer-'));
	const file = join(folder, 'pgbouncer.ini');
	const backend = `host=${target.hostname} port=${target.port || 5432} user=${target.username} password='${decodeURIComponent(target.password)}'`;
	const lines = {
		listen_addr: '127.0.0.1',
		listen_port: port,
		unix_socket_dir: '',
		auth_type: 'any',
		...settings
	};
	const text = Object.entries(lines).map(([name, value]) => `${name} = ${value}`);
	await writeFile(file, `[databases]\n* = ${backend}\n[pgbouncer]\n${text.join('\n')}\n`);
	// PgBouncer does not run as root.
	const account = await serverAccount('');
	await chmod(folder, 0o700);
	if (account) {
		await chown(folder, account.uid, account.gid);
		await chown(file, account.uid, account.gid);
	}
	const child = spawn('pgbouncer', [file], { cwd: '/', stdio: 'ignore', ...account });
	const exited = once(child, 'exit');
	const stop = async () => {
		child.kill('SIGKILL');
		await exited;
		await rm(folder, { recursive: true, force: true });
	};
	try {
		await until(() => child.exitCode !== null || listens(port), { what: 'PgBouncer listens' });
		if (child.exitCode !== null) throw new Error(`PgBouncer ended with ${child.exitCode}`);
	} catch (error) {
		await stop();
		throw error;
	}
	const url = new URL(databaseUrl);
	url.hostname = '127.0.0.1';
	url.port = String(port);
	return { url: url.href, stop };
}

async function listens(port: number): Promise<boolean> {
	const socket = connect(port, '127.0.0.1');
	try {
		await once(socket, 'connect');
		return true;
	} finally {
		socket.destroy();
	}
}
