import type { Environment } from 'vitest/runtime';

/** Node, with code compiled and resolved as for browsers: `$state` is live, and there is no DOM to lean on. */
export default {
	name: 'client',
	viteEnvironment: 'client',
	setup: () => ({ teardown: () => {} })
} satisfies Environment;
