import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { endEarlier } from './src/lib/server/process.ts';

/** Classes with runes, tested in the form that browsers get. */
const CLIENT_TESTS = ['src/lib/client/**/*.test.ts', 'src/lib/features/**/*.svelte.test.ts'];

/** Of the production build, in a real browser. */
const BROWSER_TESTS = ['tests/e2e/**/*.test.ts'];

/** The dev server ends its process when it has closed; the application and its database must have ended by then. */
const endWithServer: Plugin = {
	name: 'logline:end-with-server',
	apply: 'serve',
	closeServer: () => endEarlier()
};

export default defineConfig({
	plugins: [tailwindcss(), sveltekit(), endWithServer],
	test: {
		reporters: ['default', './tests/support/reporter.ts'],
		// Each may start a Postgres, a server and a browser of its own.
		maxWorkers: 2,
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
					globalSetup: ['./tests/support/global-setup.ts', './tests/e2e/build.setup.ts'],
					setupFiles: ['./tests/support/setup.ts'],
					// After the others: what waits for a browser should not wait for a loaded machine, too.
					sequence: { groupOrder: 1 },
					testTimeout: 120_000,
					hookTimeout: 120_000
				}
			}
		]
	}
});
