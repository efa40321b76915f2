import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vitest/config';
import type { TestSequencer, TestSpecification } from 'vitest/node';
import { restartAtEdits } from './src/commands/restart-at-edits.ts';

/** Classes with runes, compiled and tested as for browsers. */
const CLIENT_TESTS = ['src/lib/{client,inspector}/**/*.test.ts', 'src/routes/**/*.svelte.test.ts'];

/** Tests of the production build in a real browser. */
const BROWSER_TESTS = ['tests/e2e/**/*.test.ts'];

/** Tests that compare times of the build under load: nothing else may load the machine. */
const MEASURED_TESTS = ['tests/e2e/flood.test.ts'];

/** These take about a minute each. One that began last would leave the other worker without work. */
const LONG_TESTS =
	/tests\/(docs\/add-a|package|commands\/start|presence|faults|e2e\/(sql-console|tabs|rooms|disasters|database-away|shutdown|calm|keyboard|long))/;

/** Vitest's own order knows how long the tests took only where they have run before. */
class LongestFirst implements TestSequencer {
	sort(files: TestSpecification[]): TestSpecification[] {
		const isLong = ({ moduleId }: TestSpecification) => LONG_TESTS.test(moduleId);
		return [...files.filter(isLong), ...files.filter((file) => !isLong(file))];
	}

	shard(): never {
		throw new Error('Shards are not supported: they would order the files, too.');
	}
}

export default defineConfig({
	build: { reportCompressedSize: false },
	plugins: [tailwindcss(), sveltekit(), restartAtEdits],
	test: {
		reporters: ['default', './tests/support/reporter.ts'],
		// Each worker may start its own Postgres, server and browser. It loads what its files share only once (`isolate: false`).
		maxWorkers: 2,
		sequence: { sequencer: LongestFirst },
		projects: [
			{
				extends: true,
				test: {
					name: 'server',
					environment: 'node',
					include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
					exclude: [...CLIENT_TESTS, ...BROWSER_TESTS],
					globalSetup: ['./tests/support/global-setup.ts'],
					setupFiles: ['./tests/support/setup.ts'],
					isolate: false,
					testTimeout: 60_000,
					hookTimeout: 120_000
				}
			},
			{
				extends: true,
				resolve: { conditions: ['browser'] },
				test: {
					name: 'client',
					environment: './tests/support/client-environment.ts',
					include: CLIENT_TESTS,
					setupFiles: ['./tests/support/setup.ts'],
					testTimeout: 30_000,
					hookTimeout: 30_000
				}
			},
			{
				extends: true,
				test: {
					name: 'e2e',
					environment: 'node',
					include: BROWSER_TESTS,
					exclude: MEASURED_TESTS,
					globalSetup: ['./tests/support/global-setup.ts', './tests/e2e/build.setup.ts'],
					setupFiles: ['./tests/support/setup.ts'],
					// After the other projects: browser tests have timeouts and should not share the machine with them.
					sequence: { groupOrder: 1 },
					isolate: false,
					testTimeout: 120_000,
					hookTimeout: 120_000
				}
			},
			{
				extends: true,
				test: {
					name: 'measured',
					environment: 'node',
					include: MEASURED_TESTS,
					globalSetup: ['./tests/support/global-setup.ts', './tests/e2e/build.setup.ts'],
					setupFiles: ['./tests/support/setup.ts'],
					sequence: { groupOrder: 2 },
					hookTimeout: 120_000
				}
			}
		]
	}
});
