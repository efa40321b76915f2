/**
 * `npm start`: builds the app and serves it, in this process. The app itself starts the database and applies migrations
 * (src/hooks.server.ts), and ends both in order (src/lib/server/process.ts).
 */
import { spawn } from 'node:child_process';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { endEarlier } from '$lib/server/process.ts';
import { loadEnvironment } from './command.ts';

/** How a shell reports that a signal ended a program. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 };

/** Builds. Resolves with an exit code when there is nothing to serve: the build failed, or a signal came. */
async function build(): Promise<number | null> {
	const vite = dirname(createRequire(import.meta.url).resolve('vite/package.json'));
	const child = spawn(process.execPath, [join(vite, 'bin/vite.js'), 'build'], { stdio: 'inherit' });
	let signalled: keyof typeof EXIT_CODES | null = null;
	const pass = (signal: keyof typeof EXIT_CODES) => {
		signalled = signal;
		child.kill(signal);
	};
	process.on('SIGINT', pass);
	process.on('SIGTERM', pass);
	try {
		const code = await new Promise<number>((done, fail) => {
			child.once('error', fail);
			child.once('close', (status) => done(status ?? 1));
		});
		if (signalled) return EXIT_CODES[signalled];
		return code === 0 ? null : code;
	} finally {
		process.off('SIGINT', pass);
		process.off('SIGTERM', pass);
	}
}

/** Before the build, so that nobody waits for it in vain. */
function checkPort(port: number, host: string): Promise<void> {
	return new Promise((done, fail) => {
		const probe = createServer();
		probe.once('error', (error) => fail(listenError(error, port, host)));
		probe.listen(port, host, () => probe.close(() => done()));
	});
}

function listenError(error: NodeJS.ErrnoException, port: number, host: string): Error {
	const reason =
		error.code === 'EADDRINUSE'
			? `Another program listens on port ${port}. Stop it, or choose another: PORT=${port + 1} npm start`
			: error.code === 'EACCES'
				? `Port ${port} is reserved for administrators. Choose another: PORT=3000 npm start`
				: `Cannot listen on ${host}:${port}: ${error.message}`;
	return new Error(reason, { cause: error });
}

function readPort(): number {
	const text = process.env.PORT || '3000';
	const port = Number(text);
	if (!/^\d+$/.test(text) || port < 1 || port > 65_535) {
		throw new Error(`PORT must be a whole number from 1 to 65535, not "${text}"`);
	}
	return port;
}

/** Serves `build/`. Resolves when it listens. */
async function serve(port: number, host: string): Promise<void> {
	let failed: (error: unknown) => void = () => {};
	// The server of adapter-node listens while it is imported, and has no way to hear of its errors.
	const failure = new Promise<never>((_, reject) => (failed = reject));
	process.on('uncaughtException', failed);
	try {
		const index = pathToFileURL(resolve('build/index.js')).href;
		const serving = (async () => {
			const { server } = (await import(index)) as { server: { server: Server } };
			if (server.server.listening) return;
			await new Promise<void>((done) => server.server.once('listening', done));
		})();
		await Promise.race([serving, failure]);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).syscall === 'listen') {
			throw listenError(error as NodeJS.ErrnoException, port, host);
		}
		throw error;
	} finally {
		process.off('uncaughtException', failed);
	}
}

async function start(): Promise<number | null> {
	const config = loadEnvironment();
	const port = readPort();
	const host = process.env.HOST || '0.0.0.0';
	process.env.PORT = String(port);
	// Without it the server takes every request for https, and refuses forms sent over http.
	process.env.ORIGIN ||= `http://localhost:${port}`;
	// Seconds, whole ones; connections that are still open then are cut, so that the grace is kept.
	process.env.SHUTDOWN_TIMEOUT ||= String(Math.max(1, Math.floor(config.shutdownGraceMs / 2000)));
	process.env.NODE_ENV ||= 'production';

	await checkPort(port, host);
	const code = await build();
	if (code !== null) return code;
	await serve(port, host);
	console.log(`Logline is ready at ${process.env.ORIGIN}`);
	return null;
}

start().then(
	(code) => {
		if (code !== null) process.exit(code);
	},
	async (error: unknown) => {
		console.error(error instanceof Error ? error.message : error);
		// The app may have started a database by now.
		await endEarlier();
		process.exit(1);
	}
);
