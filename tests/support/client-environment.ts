import type { Environment } from 'vitest/runtime';

/** Node, with code compiled and resolved as for browsers: `$state` works, but there is no DOM. */
export default {
	name: 'client',
	viteEnvironment: 'client',
	setup: () => ({ teardown: () => {} })
} satisfies Environment;
