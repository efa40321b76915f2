import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

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
	remove(): Promise<void>;
}

/** Copies the project without generated files. The packages are those of the original. */
export async function copyProject(name: string): Promise<ProjectCopy> {
	const folder = await mkdtemp(join(tmpdir(), `logline-${name}-`));
	const left = new Set(LEFT_OUT.map((part) => resolve(part)));
	await cp('.', folder, { recursive: true, filter: (path) => !left.has(resolve(path)) });
	await symlink(resolve('node_modules'), join(folder, 'node_modules'));
	// `npm ci` creates this file. It has the aliases that imports use.
	await cp('.svelte-kit/tsconfig.json', join(folder, '.svelte-kit/tsconfig.json'));
	return {
		folder,
		path: (...parts) => join(folder, ...parts),
		remove: () => rm(folder, { recursive: true, force: true })
	};
}
