/** A SvelteKit application in an empty folder outside of this project, which installs the library as anybody would. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { readBlocks, type CodeBlock } from '../support/blocks.ts';

/** Heading of the steps in README.md. */
const STEPS = 'Use it in your own app';

/** The application as it is before: accounts, tables and migrations of its own. */
const FIXTURE = 'tests/package/fresh-app';

/** Which SvelteKit it uses. */
export type KitVersion = 2 | 3;

/** What differs: versions, and what tsconfig.json extends. */
const KITS: Record<KitVersion, { packages: Record<string, string>; tsconfig: string }> = {
	2: {
		packages: { '@sveltejs/kit': '^2.62.0', '@sveltejs/adapter-node': '^5.0.0' },
		tsconfig: './.svelte-kit/tsconfig.json'
	},
	3: {
		packages: { '@sveltejs/kit': '^3.0.0', '@sveltejs/adapter-node': '^6.0.0' },
		tsconfig: '$app/tsconfig'
	}
};

/** Packages of this project that the application uses in the same versions, which npm has in its cache. */
const SAME = [
	'@sveltejs/vite-plugin-svelte',
	'@types/node',
	'drizzle-orm',
	'postgres',
	'svelte',
	'svelte-check',
	'typescript',
	'valibot',
	'vite'
];

/** An application in its folder. */
export interface FreshApp {
	folder: string;
	/** Program that serves the build. */
	server: string;
	/** Runs a program of its node_modules, or a file of its own. */
	node(file: string, args?: string[], env?: Record<string, string>): Promise<string>;
	remove(): Promise<void>;
}

/** Returns the code of the steps in README.md. */
export async function readSteps(): Promise<CodeBlock[]> {
	return (await readBlocks('README.md')).filter(({ section }) => section === STEPS);
}

/** Makes the application: its files, the tarball and its peers from npm, and the steps of README.md. */
export async function createFreshApp(kit: KitVersion, tarball: string): Promise<FreshApp> {
	const folder = await mkdtemp(join(tmpdir(), `logline-fresh-${kit}-`));
	const remove = () => rm(folder, { recursive: true, force: true });
	try {
		await cp(FIXTURE, folder, { recursive: true });
		await writeFile(join(folder, 'package.json'), await manifest(kit, resolve(tarball)));
		await writeFile(join(folder, 'tsconfig.json'), tsconfig(kit));
		for (const { language, file, code } of await readSteps()) {
			const path = join(folder, language === 'sql' ? 'drizzle/0001_sessions.sql' : file!);
			await mkdir(dirname(path), { recursive: true });
			await writeFile(path, code);
		}
		await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], folder);
	} catch (error) {
		await remove();
		throw error;
	}
	return {
		folder,
		server: join(folder, 'build', 'index.js'),
		node: (file, args = [], env = {}) => run(process.execPath, [file, ...args], folder, env),
		remove
	};
}

async function manifest(kit: KitVersion, tarball: string): Promise<string> {
	const ours = JSON.parse(await readFile('package.json', 'utf8')) as Record<
		'dependencies' | 'devDependencies',
		Record<string, string>
	>;
	const known = { ...ours.dependencies, ...ours.devDependencies };
	const same = Object.fromEntries(SAME.map((name) => [name, known[name]!]));
	const dependencies = { ...same, ...KITS[kit].packages, logline: `file:${tarball}` };
	return JSON.stringify({ name: 'fresh', private: true, type: 'module', dependencies }, null, 2);
}

function tsconfig(kit: KitVersion): string {
	const include = kit === 3 ? { include: ['src', '*'] } : {};
	return JSON.stringify({
		extends: KITS[kit].tsconfig,
		compilerOptions: { strict: true, skipLibCheck: true },
		...include
	});
}

/** Runs a program and returns what it printed. An error has it, too. */
async function run(
	file: string,
	args: string[],
	cwd: string,
	env: Record<string, string> = {}
): Promise<string> {
	// Without the variables of the test run; otherwise the build would contain the development parts of Svelte.
	const own = { NODE_ENV: file === 'npm' ? undefined : 'production', VITEST: undefined, ...env };
	try {
		const options = { cwd, env: { ...process.env, ...own }, maxBuffer: 1 << 24 };
		const { stdout, stderr } = await promisify(execFile)(file, args, options);
		return stdout + stderr;
	} catch (error) {
		const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
		throw new Error(`${file} ${args.join(' ')} fails:\n${stdout}${stderr}`, { cause: error });
	}
}
