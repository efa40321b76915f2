import { createHash, type Hash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { parseEnv } from 'node:util';

/** Folders that are not part of a build. All other folders of the project may be. */
const OTHERS = new Set([
	'bench',
	'build',
	'coverage',
	'dist',
	'docs',
	'migrations',
	'node_modules',
	'tests'
]);

/** Only these types of files in the project's root folder count: programs may also write logs there. */
const KINDS = new Set(['.cjs', '.css', '.cts', '.html', '.js', '.json', '.mjs', '.mts', '.ts']);

/** For files larger than this, only size and modification time count. */
const LARGE = 4 << 20;

/** In the order in which Vite reads them for a build: a later file wins, and the environment wins over all files. */
const ENV_FILES = ['.env', '.env.local', '.env.production', '.env.production.local'];

/**
 * Returns a hash of everything that a build in the working directory is made of: sources, installed packages, the version of
 * Node, and the environment variables whose values become part of the build.
 *
 * @returns 16 hexadecimal digits
 */
export async function nameInputs(environment: NodeJS.ProcessEnv = process.env): Promise<string> {
	const hash = createHash('sha256');
	const sources: string[] = [];
	const entries = await readdir('.', { withFileTypes: true });
	for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
		const { name } = entry;
		if (name.startsWith('.') || OTHERS.has(name)) continue;
		if (entry.isDirectory()) await addFolder(hash, name, sources);
		else if (KINDS.has(extname(name))) await addFile(hash, name, sources);
	}
	// npm records here what it has installed, which may differ from package-lock.json.
	await addFile(hash, 'node_modules/.package-lock.json', []);
	hash.update(`${process.version} ${process.platform} ${process.arch}\0`);
	hash.update(JSON.stringify(await enteringVariables(sources, environment)));
	return hash.digest('hex').slice(0, 16);
}

async function addFolder(hash: Hash, folder: string, sources: string[]): Promise<void> {
	const names = await readdir(folder, { recursive: true });
	for (const name of names.sort()) {
		if (!/\.test\.ts$/.test(name)) await addFile(hash, join(folder, name), sources);
	}
}

/** Adds a file's name and content to the hash. Adds its text to `sources` if it can refer to the environment. */
async function addFile(hash: Hash, path: string, sources: string[]): Promise<void> {
	const found = await stat(path).catch((error: unknown) => {
		// A broken link, or a file that an editor has just replaced.
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
		throw error;
	});
	if (!found?.isFile()) return;
	hash.update(`${path}\0${found.size}\0`);
	if (found.size > LARGE) {
		hash.update(String(found.mtimeMs));
		return;
	}
	const content = await readFile(path);
	hash.update(content);
	if (/\.([cm]?[jt]s|svelte|html)$/.test(path)) sources.push(content.toString());
}

/**
 * Returns the variables whose values become part of a build: the public variables of Vite and SvelteKit, those imported from
 * `$env/static`, and those that the configuration of Vite or SvelteKit reads. PORT and similar variables are not included:
 * serving at another port needs no new build.
 */
async function enteringVariables(
	sources: string[],
	environment: NodeJS.ProcessEnv
): Promise<[string, string | undefined][]> {
	const all: NodeJS.ProcessEnv = {};
	for (const name of ENV_FILES) {
		const text = await readFile(name, 'utf8').catch((error: unknown) => {
			if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
			throw error;
		});
		Object.assign(all, parseEnv(text));
	}
	// Without NODE_ENV, Vite builds for production.
	Object.assign(all, { NODE_ENV: 'production' }, environment);
	const text = sources.filter((source) => source.includes('$env/static/')).join('\n');
	const imported = [...text.matchAll(/import\s+([^;'"]+?)\s+from\s*['"]\$env\/static\/\w+/g)];
	// A file that imports everything may use any variable.
	const any = imported.some(([, names = '']) => names.includes('*'));
	const wanted = new Set(imported.flatMap(([, names = '']) => names.match(/\w+/g) ?? []));
	for (const name of ['vite.config.ts', 'svelte.config.js']) {
		const config = await readFile(name, 'utf8');
		for (const [, variable = ''] of config.matchAll(/process\.env\.(\w+)/g)) wanted.add(variable);
	}
	return Object.entries(all)
		.filter(([name]) => any || wanted.has(name) || /^(VITE_|PUBLIC_|NODE_ENV$)/.test(name))
		.sort(([a], [b]) => (a < b ? -1 : 1));
}
