/** Each feature is an example: deleted together with what shows it, it leaves a project that is as sound as before. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';

/** For lint and check, and for build and tests, on a busy machine. */
const TIMEOUT_MS = 600_000;

/**
 * LOGLINE_FEATURE_TESTS=all deletes them one by one, and also lints and builds what remains and runs its unit tests. That takes
 * minutes for each. Without it, all are deleted at once; that none needs another is seen by what they import.
 */
const ALL = process.env.LOGLINE_FEATURE_TESTS === 'all';

const FEATURES = readdirSync('src/features');
const CASES = ALL ? FEATURES.map((feature) => [feature]) : [FEATURES];

/** Features that have a page of their own, which goes with them alone. */
const EXAMPLES = readdirSync('src/routes/(demo)/examples');

/** The page that shows all other features, and the tests that play it. */
const SHOWN_BY = [
	'src/routes/(demo)',
	'tests/e2e/stage.ts',
	...readdirSync('tests/e2e')
		.filter((name) => /(\.test|-page)\.ts$/.test(name))
		.map((name) => `tests/e2e/${name}`)
];

const exampleOf = (feature: string) => [
	`src/routes/(demo)/examples/${feature}`,
	...readdirSync('tests/e2e')
		.filter((name) => name.startsWith(feature))
		.map((name) => `tests/e2e/${name}`)
];

let project: ProjectCopy;

beforeAll(async () => {
	project = await copyProject('features');
});

afterAll(() => project.remove());

test.each(FEATURES)('%s needs no other feature', async (feature) => {
	const folder = join('src/features', feature);
	for (const name of readdirSync(folder)) {
		const text = await readFile(join(folder, name), 'utf8');
		const others = FEATURES.filter((other) => other !== feature);
		expect(others.filter((other) => text.includes(`features/${other}/`))).toEqual([]);
		expect(others.filter((other) => text.includes(`'../${other}/`))).toEqual([]);
	}
});

test.each(CASES.map((features) => [features.join(', '), features] as const))(
	'without %s, the rest is as sound as before',
	async (_names, features) => {
		const shown = features.every((feature) => EXAMPLES.includes(feature))
			? features.flatMap(exampleOf)
			: SHOWN_BY;
		const deleted = [...features.map((feature) => join('src/features', feature)), ...shown];
		for (const path of deleted) await rm(project.path(path), { recursive: true, force: true });
		try {
			await program('@sveltejs/kit/svelte-kit.js', 'sync');
			await program('svelte-check/bin/svelte-check', '--threshold', 'error', '--output', 'human');
			if (!ALL) return;
			await program('eslint/bin/eslint.js', '.');
			await program('vite/bin/vite.js', 'build');
			const tested = await program('vitest/vitest.mjs', 'run', 'src/');
			expect(tested).toMatch(/^[1-9]\d* passed, 0 failed/m);
		} finally {
			for (const path of deleted) await cp(path, project.path(path), { recursive: true });
		}
	},
	TIMEOUT_MS
);

/** Runs a program of node_modules and returns its output. An error contains the output, too. */
async function program(name: string, ...args: string[]): Promise<string> {
	const built = name.startsWith('vitest/') ? undefined : 'production';
	const env = { ...process.env, NODE_ENV: built, VITEST: undefined };
	try {
		const options = { cwd: project.folder, env, maxBuffer: 1 << 24 };
		const entry = join('node_modules', name);
		return (await promisify(execFile)(process.execPath, [entry, ...args], options)).stdout;
	} catch (error) {
		const { stdout, stderr } = error as { stdout?: string; stderr?: string };
		throw new Error(`${name} ${args.join(' ')} fails:\n${stdout ?? ''}${stderr ?? ''}`, {
			cause: error
		});
	}
}
