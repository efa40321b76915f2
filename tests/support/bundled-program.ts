import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { build } from 'vite';

/** In the tree, so that packages are found from there. */
const FOLDER = resolve('node_modules/.cache/logline-tests');

const bundles = new Map<string, Promise<string>>();

/**
 * Puts a program and the sources that it imports into one file of JavaScript, once per process: a start then takes a third of
 * the work that `--import tsx` takes, which translates several hundred files.
 *
 * @param entry path of its source, from the root of the tree
 * @returns the path of the file
 */
export function bundled(entry: string): Promise<string> {
	const known = bundles.get(entry);
	if (known) return known;
	const made = bundle(entry);
	bundles.set(entry, made);
	return made;
}

async function bundle(entry: string): Promise<string> {
	const name = basename(entry, '.ts');
	const aside = join(FOLDER, `${name}-${process.pid}`);
	await mkdir(FOLDER, { recursive: true });
	try {
		await build({
			configFile: false,
			logLevel: 'error',
			// Vitest's own mode would be built in.
			mode: 'development',
			build: {
				ssr: resolve(entry),
				outDir: aside,
				minify: false,
				target: 'node20',
				rolldownOptions: { output: { entryFileNames: 'program.mjs', codeSplitting: false } }
			}
		});
		// Another worker may build the same program: whoever starts it finds a whole file.
		const file = join(FOLDER, `${name}.mjs`);
		await rename(join(aside, 'program.mjs'), file);
		return file;
	} finally {
		await rm(aside, { recursive: true, force: true });
	}
}
