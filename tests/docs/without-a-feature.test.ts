/** Each feature is an example: deleted together with what shows it, it leaves a project that is as sound as before. */
import { readdirSync } from 'node:fs';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyProject, type ProjectCopy } from '../support/project-copy.ts';

/** For lint and check, and for build and tests, on a busy machine. */
const TIMEOUT_MS = 600_000;

/**
 * LOGLINE_FEATURE_TESTS=all deletes them one by one, checks, lints and builds what remains and runs its unit tests. That takes
 * minutes for each. Without it, that nothing needs a feature is seen by what it imports; add-a-topic.test.ts deletes most of
 * them, and checks, builds and tests what remains.
 */
const ALL = process.env.LOGLINE_FEATURE_TESTS === 'all';

const FEATURES = readdirSync('src/features');

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

test.each(FEATURES)('%s needs no other feature', async (feature) => {
	const folder = join('src/features', feature);
	for (const name of readdirSync(folder)) {
		const text = await readFile(join(folder, name), 'utf8');
		const others = FEATURES.filter((other) => other !== feature);
		expect(others.filter((other) => text.includes(`features/${other}/`))).toEqual([]);
		expect(others.filter((other) => text.includes(`'../${other}/`))).toEqual([]);
	}
});

test('nothing but what shows the features needs one', async () => {
	const shown = [...SHOWN_BY, 'src/features'];
	for (const folder of ['src', 'tests']) {
		for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
			const path = join(folder, name);
			if (!/\.(ts|js|svelte)$/.test(name) || shown.some((one) => path.startsWith(one))) continue;
			const needed = /(from|import|import\() ?'[^']*features\/[a-z]/.exec(
				await readFile(path, 'utf8')
			);
			expect([path, needed?.[0]]).toEqual([path, undefined]);
		}
	}
});

if (ALL) {
	let project: ProjectCopy;
	beforeAll(async () => {
		project = await copyProject('features');
	});
	afterAll(() => project.remove());

	test.each(FEATURES)(
		'without %s is as sound as before',
		async (feature) => {
			const shown = EXAMPLES.includes(feature) ? exampleOf(feature) : SHOWN_BY;
			const deleted = [join('src/features', feature), ...shown];
			for (const path of deleted) await rm(project.path(path), { recursive: true, force: true });
			try {
				const { program } = project;
				await program('@sveltejs/kit/svelte-kit.js', 'sync');
				await program('svelte-check/bin/svelte-check', '--threshold', 'error', '--output', 'human');
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
}
