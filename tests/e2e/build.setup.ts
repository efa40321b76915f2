import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { pointsTo } from '../../src/commands/pointer.js';

declare module 'vitest' {
	interface ProvidedContext {
		/** Program of the production build of the current sources. */
		builtApp: string;
	}
}

/** Builds the application once for a run with browser tests. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
	const root = process.cwd();
	await build(root);
	const id = await pointsTo();
	// A copy, because the next build may remove a build that no process runs. Inside the project, so that packages are
	// found.
	const copy = await mkdtemp(join(root, '.svelte-kit', 'e2e-'));
	const remove = () => rm(copy, { recursive: true, force: true });
	try {
		await cp(join(root, 'build', id!), copy, { recursive: true });
	} catch (error) {
		await remove();
		throw error;
	}
	project.provide('builtApp', join(copy, 'index.js'));
	return remove;
}

async function build(root: string): Promise<void> {
	// Without the variables of the test run; otherwise the build would contain the development parts of Svelte.
	const env = { ...process.env, NODE_ENV: 'production', VITEST: undefined };
	const child = spawn(process.execPath, ['--import', 'tsx', 'src/commands/build.ts'], {
		cwd: root,
		env
	});
	let output = '';
	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding('utf8').on('data', (text: string) => (output += text));
	}
	const [code] = (await once(child, 'close')) as [number | null];
	if (code !== 0) throw new Error(`The application does not build:\n${output}`);
}
