import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { build } from 'vite';

type ClientModule = typeof import('../../src/lib/client/index.ts');

/** Loads our SSEClient compiled as for browsers, because runes must be compiled. */
export async function loadClient(): Promise<ClientModule['SSEClient']> {
	const folder = await mkdtemp(join(tmpdir(), 'logline-client-'));
	try {
		await build({
			configFile: false,
			logLevel: 'error',
			plugins: [svelte({ configFile: false })],
			resolve: { alias: { $lib: resolve('src/lib') }, conditions: ['browser'] },
			build: {
				lib: {
					entry: resolve('src/lib/client/index.ts'),
					formats: ['es'],
					fileName: () => 'client.mjs'
				},
				outDir: folder,
				minify: false,
				target: 'es2022'
			}
		});
		const module = (await import(pathToFileURL(join(folder, 'client.mjs')).href)) as ClientModule;
		return module.SSEClient;
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
