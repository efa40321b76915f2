/** Part of `npm run lint`: fails when the schemas, their migrations and the module with the log's SQL differ. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { drizzleKit } from './drizzle-kit.ts';
import { runCommand } from './run-command.ts';
import { LOG_MODULE, logModule } from './log-module.ts';

const REMEDY = 'Run "npm run db:generate" and commit what it makes.';

/** Each schema, and the folder of its migrations. */
const SCHEMAS = [
	['drizzle/app.server.ts', 'migrations'],
	['drizzle/log.server.ts', 'migrations/log']
] as const;

runCommand(async () => {
	let differ = false;
	for (const [schema, folder] of SCHEMAS) if (await hasDrifted(schema, folder)) differ = true;
	if ((await readFile(LOG_MODULE, 'utf8')).replaceAll('\r\n', '\n') !== (await logModule())) {
		differ = true;
		console.error(`migrations/log and ${LOG_MODULE} differ. ${REMEDY}`);
	}
	return differ ? 1 : 0;
});

async function hasDrifted(schema: string, folder: string): Promise<boolean> {
	const temporary = await mkdtemp(join(tmpdir(), 'logline-drift-'));
	try {
		// Use a copy, so that generated files do not appear in the working tree.
		const copy = join(temporary, 'migrations');
		await cp(folder, copy, { recursive: true });
		const before = new Set(await readdir(copy));
		const output = await generate(schema, copy);
		const added = (await readdir(copy)).filter((name) => !before.has(name));
		if (added.length === 0 && output.includes('No schema changes')) return false;
		console.error(`${schema} and ${folder} differ. ${REMEDY}`);
		for (const name of added) console.error(await readFile(join(copy, name), 'utf8'));
		if (added.length === 0) console.error(output.trim());
		return true;
	} finally {
		await rm(temporary, { recursive: true, force: true });
	}
}

async function generate(schema: string, folder: string): Promise<string> {
	const run = promisify(execFile)(process.execPath, [
		drizzleKit(),
		'generate',
		'--dialect=postgresql',
		`--schema=./${schema}`,
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
