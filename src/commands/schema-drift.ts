/** Part of `npm run lint`: fails when drizzle/schema.server.ts and migrations/ differ. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { drizzleKit } from './drizzle-kit.ts';
import { runCommand } from './run-command.ts';

runCommand(async () => {
	const folder = await mkdtemp(join(tmpdir(), 'logline-drift-'));
	try {
		// Use a copy, so that generated files do not appear in the working tree.
		const copy = join(folder, 'migrations');
		await cp('migrations', copy, { recursive: true });
		const before = new Set(await readdir(copy));
		const output = await generate(copy);
		const added = (await readdir(copy)).filter((name) => !before.has(name));
		if (added.length === 0 && output.includes('No schema changes')) return 0;
		console.error(
			'drizzle/schema.server.ts and migrations/ differ. Run "npm run db:generate" and commit what it makes.'
		);
		for (const name of added) console.error(await readFile(join(copy, name), 'utf8'));
		if (added.length === 0) console.error(output.trim());
		return 1;
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
});

async function generate(folder: string): Promise<string> {
	const run = promisify(execFile)(process.execPath, [
		drizzleKit(),
		'generate',
		'--dialect=postgresql',
		'--schema=./drizzle/schema.server.ts',
		// drizzle-kit puts "./" in front of any path.
		`--out=${relative(process.cwd(), folder)}`
	]);
	// drizzle-kit asks when it cannot tell a new column from a renamed one. With a closed input it ends instead.
	run.child.stdin?.end();
	try {
		const { stdout, stderr } = await run;
		return stdout + stderr;
	} catch (error) {
		const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
		return stdout + stderr || String(error);
	}
}
