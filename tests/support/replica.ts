import { chmod, chown, copyFile, lstat, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Account } from '../../src/embedded-postgres/program.ts';
import { makeServer, type PrivateServer } from './private-server.ts';
import { startProxy } from './proxy.ts';
import { withSteady } from './steady-sql.ts';
import { until } from './until.ts';

/** A streaming replica of a private server. Commits arrive a moment later, if they arrive at all. */
export interface Replica extends PrivateServer {
	/** Resolves when it has every commit of the primary. */
	caughtUp(): Promise<void>;
	/** From now on nothing from the primary arrives. */
	cutOff(): void;
	/** Promotes it to a primary, with the data it has. */
	promote(): Promise<void>;
}

/**
 * Copies a running private server and starts the copy as its replica. The caller must call `remove()` in the end.
 *
 * The embedded server does not include pg_basebackup, so this function does the same steps.
 *
 * @see https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 */
export async function startReplica(primary: PrivateServer): Promise<Replica> {
	const stream = await startProxy(primary.port);
	const { password } = new URL(primary.url);
	const settings = {
		...primary.settings,
		primary_conninfo: `host=127.0.0.1 port=${stream.port} user=postgres password=${password} application_name=replica`,
		// It must be readable while it waits for more WAL.
		hot_standby: 'on',
		wal_retrieve_retry_interval: '100ms'
	};
	const fill = (data: string, account: Account | null) =>
		withSteady(primary.url, async (sql) => {
			await sql`select pg_backup_start('replica', fast => true)`;
			await copyFolder(primary.data, data, account);
			const [stopped] = await sql<{ label: string }[]>`
				select labelfile as label from pg_backup_stop(wait_for_archive => false)`;
			await writeOwned(join(data, 'backup_label'), stopped!.label, account);
			await writeOwned(join(data, 'standby.signal'), '', account);
		});
	let server: PrivateServer;
	try {
		server = await makeServer({ settings, password, fill, inMemory: true });
	} catch (error) {
		await stream.close();
		throw error;
	}
	return {
		...server,
		caughtUp: async () => {
			const [primaryAt] = await withSteady(
				primary.url,
				(sql) => sql<{ lsn: string }[]>`select pg_current_wal_lsn()::text as lsn`
			);
			await withSteady(server.url, (sql) =>
				until(
					async () => {
						const [at] = await sql<{ there: boolean }[]>`
							select pg_last_wal_replay_lsn() >= ${primaryAt!.lsn}::pg_lsn as there`;
						return at!.there;
					},
					{ what: 'the replica has caught up', timeoutMs: 30_000 }
				)
			);
		},
		cutOff: () => {
			stream.refuse(true);
			stream.cut();
		},
		promote: () =>
			withSteady(server.url, async (sql) => {
				const [row] = await sql<{ done: boolean }[]>`select pg_promote(true, 60) as done`;
				if (!row!.done) throw new Error('The replica was not promoted');
			}),
		remove: async () => {
			await server.remove();
			await stream.close();
		}
	};
}

/** Files that a copy must not have: they belong to the running server, or are created at the start. */
const LEFT_OUT = new Set([
	'pg_wal',
	'pg_replslot',
	'pg_dynshmem',
	'pg_notify',
	'pg_serial',
	'pg_snapshots',
	'pg_stat_tmp',
	'pg_subtrans'
]);

async function copyFolder(from: string, to: string, account: Account | null): Promise<void> {
	await makeOwned(to, account);
	for (const name of await readdir(from)) {
		if (/^(postmaster\.|pg_internal\.init|pgsql_tmp|standby\.signal|backup_)/.test(name)) continue;
		const [source, target] = [join(from, name), join(to, name)];
		try {
			if ((await lstat(source)).isDirectory()) {
				if (LEFT_OUT.has(name)) await makeOwned(target, account);
				else await copyFolder(source, target, account);
			} else {
				await copyFile(source, target);
				await chmod(target, 0o600);
				if (account) await chown(target, account.uid, account.gid);
			}
		} catch (error) {
			// The table was dropped meanwhile. The WAL contains the drop, too.
			if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
		}
	}
}

async function makeOwned(folder: string, account: Account | null): Promise<void> {
	await mkdir(folder, { mode: 0o700 });
	if (account) await chown(folder, account.uid, account.gid);
}

async function writeOwned(path: string, text: string, account: Account | null): Promise<void> {
	await writeFile(path, text, { mode: 0o600 });
	if (account) await chown(path, account.uid, account.gid);
}
