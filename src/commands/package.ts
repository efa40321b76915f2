/** `npm run package`: makes the library an installable tarball in `dist/`. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { runCommand } from './run-command.ts';

/** The package's own folder, from which the tarball is made. */
const FOLDER = 'dist/logline';

/** Programs that write much more than the default of 1 MB do not exist here; this is a bound all the same. Octets. */
const MAX_OUTPUT = 16 * 1_048_576;

/** The parts of this project's package.json that the library's has, too. */
interface Manifest {
	name: string;
	version: string;
	description: string;
	license: string;
	engines: Record<string, string>;
}

runCommand(async () => {
	const manifest = JSON.parse(await readFile('package.json', 'utf8')) as Manifest;
	await rm('dist', { recursive: true, force: true });
	await mkdir(FOLDER, { recursive: true });
	await compile();
	const library = libraryManifest(manifest);
	await writeFile(join(FOLDER, 'package.json'), JSON.stringify(library, null, '\t') + '\n');
	await writeFile(join(FOLDER, 'README.md'), await readme(library));
	await cp('LICENSE', join(FOLDER, 'LICENSE'));
	// For reading. The library runs the same text from its module.
	await cp('migrations/log', join(FOLDER, 'sql'), {
		recursive: true,
		filter: (path) => !path.endsWith('meta')
	});
	await lint(library);
	const packed = await run('npm', ['pack', '--json', `./${FOLDER}`, '--pack-destination', 'dist']);
	const [{ filename, size, entryCount }] = JSON.parse(packed) as [Packed];
	console.log(`dist/${filename}: ${entryCount} files, ${Math.ceil(size / 1024)} kB`);
});

interface Packed {
	filename: string;
	/** Octets. */
	size: number;
	entryCount: number;
}

/** @returns package.json of the library */
function libraryManifest({ name, version, description, license, engines }: Manifest) {
	return {
		name,
		version,
		description,
		license,
		type: 'module',
		engines,
		keywords: ['svelte', 'sveltekit', 'postgres', 'sse', 'events', 'realtime'],
		files: ['dist', 'sql'],
		sideEffects: false,
		exports: {
			'.': { types: './dist/index.d.ts', default: './dist/index.js' },
			'./client': {
				types: './dist/client/index.d.ts',
				// Its runes are compiled by the application's own Svelte.
				svelte: './dist/client/index.js',
				default: './dist/client/index.js'
			},
			'./inspector': {
				types: './dist/inspector/index.d.ts',
				svelte: './dist/inspector/index.js',
				default: './dist/inspector/index.js'
			},
			'./server': { types: './dist/server/index.d.ts', default: './dist/server/index.js' }
		},
		peerDependencies: {
			'@sveltejs/kit': '^2.10.0 || ^3.0.0',
			postgres: '^3.4.7',
			svelte: '^5.7.0'
		}
	};
}

/** @returns README.md of the library: the part of this project's README that is for adopters */
async function readme({
	name,
	description
}: Pick<Manifest, 'name' | 'description'>): Promise<string> {
	const [, steps] =
		/^## Use it in your own app\n([^]*?)^## /m.exec(await readFile('README.md', 'utf8')) ?? [];
	if (!steps) throw new Error('README.md has lost its part "Use it in your own app".');
	return `# ${name}\n\n${description}\n${steps.trimEnd()}\n\n## License\n\nMIT\n`;
}

/** Turns `src/lib` into JavaScript and declarations, without its tests. */
async function compile(): Promise<void> {
	const output = join(FOLDER, 'dist');
	const options = ['--output', output, '--tsconfig', 'tsconfig.package.json'];
	await program('@sveltejs/package', 'svelte-package.js', ...options);
	for (const file of await readdir(output, { recursive: true })) {
		const path = join(output, file);
		if (/\.test\.(js|d\.ts)$/.test(file)) await rm(path);
		else if (file.endsWith('.d.ts')) await nameOutputs(path);
	}
}

/** Declarations keep the names of the sources: TypeScript renames imports in JavaScript only. */
async function nameOutputs(file: string): Promise<void> {
	const text = await readFile(file, 'utf8');
	const renamed = text.replace(
		/((?:from|import|import\()\s*)(['"])(\.[^'"]*)\.ts\2/g,
		'$1$2$3.js$2'
	);
	await writeFile(file, renamed);
}

/** @throws Error when publint has an error or a warning */
async function lint(manifest: Record<string, unknown>): Promise<void> {
	const { messages } = await publint({ pkgDir: FOLDER, strict: true });
	for (const message of messages) console.error(formatMessage(message, manifest));
	if (messages.some(({ type }) => type !== 'suggestion')) throw new Error('publint refuses it.');
}

/** Runs a program of an installed package. */
function program(name: string, file: string, ...args: string[]): Promise<string> {
	const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
	return run(process.execPath, [join(folder, file), ...args]);
}

/** Runs a program and returns what it printed. */
async function run(file: string, args: string[]): Promise<string> {
	try {
		return (await promisify(execFile)(file, args, { maxBuffer: MAX_OUTPUT })).stdout;
	} catch (error) {
		const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
		throw new Error(`${file} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
	}
}
