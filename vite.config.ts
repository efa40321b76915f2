import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vitest/config';

/** Classes with runes, tested in the form that browsers get. */
const CLIENT_TESTS = ['src/lib/client/**/*.test.ts', 'src/lib/features/**/*.svelte.test.ts'];

export default defineConfig({
	plugins: [tailwindcss(), sveltekit()],
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
					exclude: CLIENT_TESTS,
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
			}
		]
	}
});
