import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** Folders that are not needed to build, serve and check the copy, or that are linked. */
const LEFT_OUT = [
	'node_modules',
	'.git',
	'.svelte-kit',
	'.data',
	'build',
	'dist',
	'bench',
	'coverage'
];

/** A copy of the project that a test may change. */
export interface ProjectCopy {
	folder: string;
	/** Returns the path of a file in the copy. */
	path(...parts: string[]): string;
	/** Variables for its programs, besides those of this process. */
	env: Record<string, string>;
	/**
	 * Runs a program of node_modules in the copy.
	 *
	 * @returns its standard output
	 * @throws Error with all of its output
	 */
	program(name: string, ...args: string[]): Promise<string>;
	remove(): Promise<void>;
}

/**
 * Copies the project without generated files. The packages are those of the original.
 *
 * @param without folders that the test needs neither, for a build of what is left that is cheaper
 */
export async function copyProject(
	name: string,
	without: readonly string[] = []
): Promise<ProjectCopy> {
	const folder = await mkdtemp(join(tmpdir(), `logline-${name}-`));
	const left = new Set([...LEFT_OUT, ...without].map((part) => resolve(part)));
	await cp('.', folder, { recursive: true, filter: (path) => !left.has(resolve(path)) });
	await symlink(resolve('node_modules'), join(folder, 'node_modules'));
	// `npm ci` creates this file. It has the aliases that imports use.
	await cp('.svelte-kit/tsconfig.json', join(folder, '.svelte-kit/tsconfig.json'));
	const own: ProjectCopy['env'] = {};
	return {
		folder,
		env: own,
		path: (...parts) => join(folder, ...parts),
		program: async (name, ...args) => {
			const built = name.startsWith('vitest/') ? undefined : 'production';
			const env = { ...process.env, NODE_ENV: built, VITEST: undefined, ...own };
			const command = [join('node_modules', name), ...args];
			try {
				const options = { cwd: folder, env, maxBuffer: 1 << 24 };
				return (await promisify(execFile)(process.execPath, command, options)).stdout;
			} catch (cause) {
				const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string };
				throw new Error(`${name} ${args.join(' ')} fails:\n${stdout}${stderr}`, { cause });
			}
		},
		remove: () => rm(folder, { recursive: true, force: true })
	};
}
