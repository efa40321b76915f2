import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
	interface ProvidedContext {
		/** Program of the production build, made of the sources as they are. */
		builtApp: string;
	}
}

/** Builds the application once for a run that has browser tests. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
	const root = process.cwd();
	await build(root);
	// A copy, so that a build that is made while the tests run does not pull the files from under them. Inside the project,
	// where its packages are found.
	const copy = await mkdtemp(join(root, '.svelte-kit', 'e2e-'));
	const remove = () => rm(copy, { recursive: true, force: true });
	try {
		await cp(join(root, 'build'), copy, { recursive: true });
	} catch (error) {
		await remove();
		throw error;
	}
	project.provide('builtApp', join(copy, 'index.js'));
	return remove;
}

async function build(root: string): Promise<void> {
	const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
	// Not the test run's own: that would be a build with the development parts of Svelte.
	const env = { ...process.env, NODE_ENV: 'production', VITEST: undefined };
	const child = spawn(process.execPath, [vite, 'build'], { cwd: root, env });
	let output = '';
	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding('utf8').on('data', (text: string) => (output += text));
	}
	const [code] = (await once(child, 'close')) as [number | null];
	if (code !== 0) throw new Error(`The application does not build:\n${output}`);
}
