/** The builds of this project, each in its own folder: `build/<hash of its inputs>/`. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { locked } from '$src/embedded-postgres/locked.ts';
import { nameInputs } from './inputs.ts';
import { pointsTo, pointTo } from './pointer.js';

const FOLDER = 'build';
const UNFINISHED = '.unfinished-';

/** Exit codes of a shell for a program that was ended by a signal. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 };

/** The build failed. It carries the exit code. The compiler's errors have been printed already. */
export class BuildFailed extends Error {
	constructor(readonly exitCode: number) {
		super('There is no new build. Servers that run go on with theirs.');
	}
}

/**
 * Builds the project in the working directory, unless a build of exactly these sources exists. It changes no existing build.
 * It removes builds that no process runs, except the previous one. Concurrent starts wait and use the same build.
 *
 * @param use called with the folder of the build, before another start may remove it
 * @throws BuildFailed
 */
export async function ensureBuild(
	use: (folder: string) => Promise<void> = () => Promise.resolve()
): Promise<string> {
	try {
		await mkdir(FOLDER, { recursive: true });
		return await locked(
			FOLDER,
			'.lock',
			async () => {
				const folder = await findOrBuild();
				await use(folder);
				return folder;
			},
			() => console.log('Another start builds in this folder. Waiting for it.')
		);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (!['EACCES', 'EPERM', 'EROFS'].includes(code ?? '')) throw error;
		const folder = resolve(FOLDER, await nameInputs());
		if (!existsSync(folder)) {
			const reason = `${resolve(FOLDER)} cannot be written (${code}), and has no build of these sources.`;
			throw new Error(`${reason} Build as a user who may write there: npm run build`, {
				cause: error
			});
		}
		await use(folder);
		return folder;
	}
}

/** Requires the lock. */
async function findOrBuild(): Promise<string> {
	let id = await nameInputs();
	const before = await pointsTo();
	if (existsSync(join(FOLDER, id))) {
		if (before !== id) await pointTo(id);
		return resolve(FOLDER, id);
	}
	await removeUnfinished();
	await build(id);
	if ((await nameInputs()) !== id) {
		// The build may contain both versions, so it must not be found under this name again.
		const mixed = `${id}-${Date.now().toString(36)}`;
		await rename(join(FOLDER, id), join(FOLDER, mixed));
		id = mixed;
		await pointTo(id);
		console.warn(
			'The sources changed while they were built. Start again to serve what they are now.'
		);
	}
	await removeUnused([id, before]);
	return resolve(FOLDER, id);
}

async function build(id: string): Promise<void> {
	const staging = join(FOLDER, `${UNFINISHED}${process.pid}`);
	await mkdir(staging);
	try {
		const vite = dirname(createRequire(import.meta.url).resolve('vite/package.json'));
		const child = spawn(process.execPath, [join(vite, 'bin/vite.js'), 'build'], {
			// Through the IPC channel the child notices when this process ends, even by kill -9, and ends as well.
			stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
			env: { ...process.env, LOGLINE_BUILD: id, LOGLINE_BUILD_STAGING: staging }
		});
		let signalled: keyof typeof EXIT_CODES | null = null;
		const pass = (signal: keyof typeof EXIT_CODES) => {
			signalled = signal;
			child.kill(signal);
		};
		process.on('SIGINT', pass);
		process.on('SIGTERM', pass);
		try {
			const code = await new Promise<number>((done, fail) => {
				child.once('error', fail);
				child.once('close', (status) => done(status ?? 1));
			});
			if (signalled) throw new BuildFailed(EXIT_CODES[signalled]);
			if (code !== 0) throw new BuildFailed(code);
		} finally {
			process.off('SIGINT', pass);
			process.off('SIGTERM', pass);
		}
	} finally {
		await rm(staging, { recursive: true, force: true });
	}
}

/** Removes the files of a build that was killed. */
async function removeUnfinished(): Promise<void> {
	for (const name of await readdir(FOLDER)) {
		const pid = name.startsWith(UNFINISHED) && Number(name.slice(UNFINISHED.length));
		if (pid && !runs(pid)) await rm(join(FOLDER, name), { recursive: true, force: true });
	}
}

/** Removes builds that no process runs. */
async function removeUnused(kept: (string | null)[]): Promise<void> {
	for (const entry of await readdir(FOLDER, { withFileTypes: true })) {
		if (!entry.isDirectory() || entry.name.startsWith('.') || kept.includes(entry.name)) continue;
		const folder = join(FOLDER, entry.name);
		if (await isUsed(folder)) continue;
		await rm(folder, { recursive: true, force: true });
	}
}

/** Checks the marks of in-use.js. If another process has the same id by now, the build is only kept longer. */
async function isUsed(folder: string): Promise<boolean> {
	const marks = await readdir(join(folder, 'in-use')).catch((error: unknown) => {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
		throw error;
	});
	// Not created by this code, so do not remove it.
	if (!marks) return true;
	return marks.some((mark) => {
		const [pid, host] = mark.split('@');
		// For a mark from another machine or container that shares the folder, the process cannot be checked.
		return host !== encodeURIComponent(hostname()) || runs(Number(pid));
	});
}

function runs(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === 'EPERM';
	}
}
