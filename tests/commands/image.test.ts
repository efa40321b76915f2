/** The commands of the image, built like in the Dockerfile, where there are no sources and no compilers. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';

const run = promisify(execFile);

it('runs db:migrate, db:rotate-epoch, dead-letters and sql without sources, by packages that it has', async () => {
	const dockerfile = (await readFile('Dockerfile', 'utf8')).replace(/\\\n\s*/g, '');
	const [, bundle = ''] = /RUN npx (esbuild .*?--outdir=)commands/.exec(dockerfile) ?? [];
	const scripts = [...dockerfile.matchAll(/scripts\.([\w:-]+)='node (commands\/\S+)'/g)];
	const removed = /rm -rf (.*)/.exec(dockerfile)?.[1]?.split(' ') ?? [];
	expect(removed.length).toBeGreaterThan(3);
	const image = await mkdtemp(join(tmpdir(), 'logline-image-'));
	try {
		await run('sh', ['-c', `node_modules/.bin/${bundle}"$1"`, 'sh', join(image, 'commands')]);
		for (const name of ['package.json', 'migrations']) {
			await cp(name, join(image, name), { recursive: true });
		}
		await symlink(resolve('node_modules'), join(image, 'node_modules'));

		const { dependencies } = JSON.parse(await readFile('package.json', 'utf8')) as {
			dependencies: Record<string, string>;
		};
		for (const name of await readdir(join(image, 'commands'))) {
			const code = await readFile(join(image, 'commands', name), 'utf8');
			for (const [, from = ''] of code.matchAll(
				/^(?:import|export)\b.*?["']([^."'][^"']*)["'];$/gm
			)) {
				const [, packageName = ''] = /^((?:@[^/]+\/)?[^/]+)/.exec(from) ?? [];
				if (isBuiltin(from)) continue;
				expect(Object.keys(dependencies)).toContain(packageName);
				expect(removed).not.toContain(packageName);
			}
		}

		const { url } = await createTestDatabase({ empty: true });
		const command = async (script: string, ...args: string[]) => {
			const program = scripts.find(([, name]) => name === script)![2]!;
			const env = { ...process.env, DATABASE_URL: url };
			return (await run(process.execPath, [program, ...args], { cwd: image, env })).stdout;
		};
		await command('db:migrate');
		expect(await command('db:rotate-epoch')).toContain('The log now has the epoch');
		expect(await command('dead-letters')).toContain('Nothing');
		expect(await command('sql', '--csv', 'select count(*) from log_state')).toBe('count\n1\n');
	} finally {
		await rm(image, { recursive: true, force: true });
	}
});
