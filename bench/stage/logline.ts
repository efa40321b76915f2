import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../src/embedded-postgres/cluster.ts';
import { pointsTo } from '../../src/commands/pointer.js';
import { until } from '../../tests/support/until.ts';
import type { Handshake } from '../load/protocol.ts';
import { Child } from './child.ts';
import { eventStream, nodeServed, type NodeServed } from './server.ts';

/**
 * Builds the application.
 *
 * @returns its program, and a function that removes it
 */
export async function build(): Promise<{ program: string; remove(): Promise<void> }> {
	const root = process.cwd();
	const child = spawn(process.execPath, ['--import', 'tsx', 'src/commands/build.ts'], {
		env: { ...process.env, NODE_ENV: 'production' },
		stdio: ['ignore', 'pipe', 'pipe']
	});
	let output = '';
	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding('utf8').on('data', (text: string) => (output += text));
	}
	const [code] = (await once(child, 'close')) as [number | null];
	if (code !== 0) throw new Error(`The application does not build:\n${output}`);
	const id = await pointsTo();
	// A copy, because a build that no process runs may be removed. It is inside the project, so that packages are found.
	const copy = await mkdtemp(join(root, '.svelte-kit', 'bench-'));
	await cp(join(root, 'build', id!), copy, { recursive: true });
	return {
		program: join(copy, 'index.js'),
		remove: () => rm(copy, { recursive: true, force: true })
	};
}

/** Returns the request of a signed-in client: number i is user i (see `createPeople`). */
export function subscribe(options: { lastEventID?: string; topics?: string[] } = {}): Handshake {
	const topics = (options.topics ?? ['notifications']).map((topic) => `topics=${topic}`).join('&');
	const cursor = options.lastEventID === undefined ? [] : [`Last-Event-ID: ${options.lastEventID}`];
	return eventStream(`/api/events?${topics}&client=bench-{i}`, {
		headers: ['Cookie: auth_session=bench-{i}', ...cursor],
		ready: 'event: caught-up'
	});
}

/** Starts the built application as `npm start` does, with limits that allow the load. */
export async function startLogline(
	program: string,
	databaseUrl: string,
	argv: string[] = []
): Promise<NodeServed> {
	const port = await freePort();
	const preload = new URL('../peers/logline.mjs', import.meta.url).href;
	const child = new Child('Logline', program, {
		argv: ['--expose-gc', '--import', preload, ...argv],
		env: {
			...process.env,
			NODE_ENV: 'production',
			HOST: '127.0.0.1',
			PORT: String(port),
			ORIGIN: `http://localhost:${port}`,
			DATABASE_URL: databaseUrl,
			DEMO: '0',
			LOG_LEVEL: 'warn',
			SSE_MAX_AGE_MS: '0'
		}
	});
	try {
		await until(
			async () => !child.runs || (await fetch(`http://127.0.0.1:${port}/api/health`)).ok,
			{
				what: 'the application answers',
				timeoutMs: 60_000,
				everyMs: 50
			}
		);
		if (!child.runs) await child.receive(() => false);
	} catch (error) {
		await child.stop();
		throw error;
	}
	return nodeServed(child, port, subscribe());
}
