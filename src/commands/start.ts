/**
 * `npm start`: builds the app if there is no build of these sources, and serves it in this process. The app itself starts
 * the database and applies migrations (src/hooks.server.ts), and ends both in order (src/app/process.ts).
 */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describePlace, listenError, listenOptions, type Place } from '$src/http/listen-options.ts';
import { endEarlier } from '$src/app/process.ts';
import { BuildFailed, ensureBuild } from './builds.ts';
import { loadEnvironment } from './run-command.ts';

/** Checked before the build, so that the user does not wait for a build that cannot be served. */
function checkPort(where: Place & { port: number }): Promise<void> {
	return new Promise((done, fail) => {
		const probe = createServer();
		probe.once('error', (error) => fail(listenError(error, where)));
		probe.listen(where, () => probe.close(() => done()));
	});
}

const fileURL = (path: string) => pathToFileURL(path).href;

async function start(): Promise<void> {
	loadEnvironment();
	const where = listenOptions(process.env, process.pid);
	const port = 'port' in where ? where.port : undefined;
	// Without ORIGIN, the server assumes https for every request, and refuses forms sent over http.
	if (port) process.env.ORIGIN ||= `http://localhost:${port}`;
	process.env.NODE_ENV ||= 'production';

	if (port) await checkPort({ ...where, port });
	// The import marks the build as used, before another start may remove it.
	const folder = await ensureBuild(async (built) => {
		await import(fileURL(join(built, 'in-use.js')));
	});
	await import(fileURL(join(folder, 'index.js')));
	console.log(`Logline is ready at ${process.env.ORIGIN ?? describePlace(where)}`);
}

start().catch(async (error: unknown) => {
	console.error(error instanceof Error ? error.message : error);
	// The app may have started a database.
	await endEarlier();
	process.exit(error instanceof BuildFailed ? error.exitCode : 1);
});
