import adapter from '@sveltejs/adapter-node';
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

/** @type {import('@sveltejs/kit').Config} */
export default {
	preprocess: vitePreprocess(),
	compilerOptions: {
		// Packages may still ship components in the old syntax; ours are all runes.
		runes: ({ filename }) => (filename.split(/[/\\]/).includes('node_modules') ? undefined : true)
	},
	kit: {
		adapter: adapter({ out: 'build' }),
		// Ours covers JSON too: src/lib/server/origin.ts, asked in `handle` for every request.
		csrf: { trustedOrigins: ['*'] },
		alias: { $schema: 'drizzle/schema.server.ts', '$schema/*': 'drizzle/*' }
	}
};
