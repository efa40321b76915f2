import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';
import { join } from 'node:path';
import adapter from './src/commands/adapter.js';

// Set by src/commands/builds.ts, so that a build does not replace files of a dev server or of another build in the same folder.
const staging = process.env.LOGLINE_BUILD_STAGING;

/** @type {import('@sveltejs/kit').Config} */
export default {
	preprocess: vitePreprocess(),
	compilerOptions: {
		// Packages may still contain components with the old syntax. All our components use runes.
		runes: ({ filename }) => (filename.split(/[/\\]/).includes('node_modules') ? undefined : true)
	},
	kit: {
		adapter: adapter(),
		outDir: staging ? join(staging, 'kit') : '.svelte-kit',
		// CSP for pages. The headers of all other responses: src/http/security-headers.ts. `auto` adds a nonce to
		// the page's one inline script.
		csp: {
			mode: 'auto',
			directives: {
				'default-src': ['none'],
				'script-src': ['self'],
				'style-src': ['self'],
				// The only `style` attribute: on the element with which SvelteKit announces a new page to screen readers.
				'style-src-attr': ['unsafe-hashes', 'sha256-S8qMpvofolR8Mpjy4kQvEm7m1q8clzU4dfDH0AmvZjo='],
				'img-src': ['self', 'data:'],
				'font-src': ['self'],
				'connect-src': ['self'],
				'manifest-src': ['self'],
				'worker-src': ['self'],
				'object-src': ['none'],
				'base-uri': ['none'],
				'form-action': ['self'],
				'frame-ancestors': ['none']
			}
		},
		// SvelteKit's own check is off: `handle` checks every request, JSON too (src/http/origin.ts).
		csrf: { trustedOrigins: ['*'] },
		// For `query.live` in the example src/routes/(demo)/examples/board. Nothing else uses it.
		experimental: { remoteFunctions: true },
		alias: {
			// The library by the names that it has in other people's apps.
			'logline/client': 'src/lib/client/index.ts',
			'logline/inspector': 'src/lib/inspector/index.ts',
			'logline/server': 'src/lib/server/index.ts',
			'logline/postgres': 'src/lib/server/database/index.ts',
			logline: 'src/lib/index.ts',
			$src: 'src',
			$schema: 'drizzle/schema.server.ts'
		}
	}
};
