/** Runs the nginx.conf of docs/operations.md in a real nginx, in front of servers that are restarted. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get, type ClientRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { freePort } from '../../src/embedded-postgres/cluster.ts';
import { readBlocks } from '../support/blocks.ts';
import { createUser } from '../support/app-server.ts';
import { until } from '../support/until.ts';
import { Stage } from './stage.ts';

/** Number of streams. With LOGLINE_NGINX_STREAMS=300, the machine should have no other work. */
const STREAMS = Number(process.env.LOGLINE_NGINX_STREAMS ?? 60);
const EVENTS_PER_SECOND = 200;
/** Longest allowed time between two events, in milliseconds. */
const LONGEST_SILENCE = 5000;

const installed = spawnSync('nginx', ['-v']).status === 0;
const stage = Stage.forEachTest();
const readers: Reader[] = [];
let nginx: ChildProcess | null = null;
let folder = '';

afterEach(async () => {
	for (const reader of readers.splice(0)) reader.stop();
	if (nginx?.exitCode === null) {
		nginx.kill('SIGTERM');
		await once(nginx, 'exit');
	}
	await rm(folder, { recursive: true, force: true });
});

/** A minimal client: it follows the stream by its ids and reconnects by itself. */
class Reader {
	readonly ids: number[] = [];
	longestSilence = 0;
	#heardAt = performance.now();
	#request: ClientRequest | null = null;
	#timer: NodeJS.Timeout | undefined;
	#stopped = false;

	constructor(
		private readonly url: string,
		private readonly cookie: string
	) {
		this.#connect();
	}

	stop(): void {
		this.#stopped = true;
		clearTimeout(this.#timer);
		this.#request?.destroy();
	}

	#connect(): void {
		const last = this.ids.at(-1);
		const headers: Record<string, string> = { cookie: this.cookie, accept: 'text/event-stream' };
		if (last !== undefined) headers['last-event-id'] = String(last);
		let over = false;
		const again = () => {
			if (over || this.#stopped) return;
			over = true;
			this.#timer = setTimeout(() => this.#connect(), 100 + Math.random() * 900);
		};
		this.#request = get(this.url, { headers, agent: false }, (response) => {
			let rest = '';
			response.setEncoding('utf8');
			response.on('data', (text: string) => {
				if (response.statusCode !== 200) return;
				const blocks = (rest + text).split('\n\n');
				rest = blocks.pop() ?? '';
				for (const block of blocks) this.#take(block);
			});
			response.on('error', again).on('close', again);
		});
		this.#request.on('error', again);
	}

	#take(block: string): void {
		const id = /^id: (\d+)$/m.exec(block)?.[1];
		if (!id || !/^event: notifications$/m.test(block)) return;
		this.ids.push(Number(id));
		const now = performance.now();
		this.longestSilence = Math.max(this.longestSilence, now - this.#heardAt);
		this.#heardAt = now;
	}
}

/** @param port the port to listen on */
async function startNginx(ports: readonly number[], port: number): Promise<void> {
	const blocks = await readBlocks('docs/operations.md');
	const documented = blocks.find(({ language }) => language === 'nginx')!.code;
	// Replaces what needs the certificate and the host name. Everything else is as documented.
	const config = documented
		.replace('listen 443 ssl;', `listen 127.0.0.1:${port};`)
		.replace(/^\s*http2 on;.*$/m, '')
		.replace(/^\s*ssl_certificate.*$/gm, '')
		.replace('server 127.0.0.1:3000', `server 127.0.0.1:${ports[0]}`)
		.replace('server 127.0.0.1:3001', `server 127.0.0.1:${ports[1]}`);
	folder = await mkdtemp(join(tmpdir(), 'logline-nginx-'));
	const file = join(folder, 'nginx.conf');
	await writeFile(file, config);
	const directives = `daemon off; pid ${folder}/pid; error_log stderr warn;`;
	nginx = spawn('nginx', ['-p', folder, '-c', file, '-g', directives], { stdio: 'ignore' });
	await until(async () => (await fetch(`http://127.0.0.1:${port}/api/health`)).ok, {
		what: 'nginx answers'
	});
}

it.skipIf(!installed)(
	'both servers are restarted, one after the other, and nobody behind the proxy loses, doubles or waits',
	{ timeout: 300_000 },
	async () => {
		const env = { SSE_MAX_CONNECTIONS_PER_USER: '1000', SHUTDOWN_GRACE_MS: '3000' };
		const apps = [await stage.start({ env }), await stage.start({ env })];
		const port = await freePort();
		await startNginx(
			apps.map((app) => app.port),
			port
		);
		const users = await Promise.all(
			Array.from({ length: Math.ceil(STREAMS / 5) }, (_, n) =>
				createUser(stage.databaseUrl, `user-${n}`)
			)
		);
		for (let n = 0; n < STREAMS; n++) {
			const url = `http://127.0.0.1:${port}/api/events?topics=notifications&client=c${n}`;
			readers.push(new Reader(url, users[n % users.length]!.cookie));
		}
		await stage.publish('notifications', 'first');
		await until(() => readers.every(({ ids }) => ids.length > 0), { timeoutMs: 30_000 });

		let writing = true;
		const written = (async () => {
			for (const begin = performance.now(); writing;) {
				await stage.sql`
					insert into events (topic, data) select 'notifications', jsonb_build_object('message', n)
					from generate_series(1, ${EVENTS_PER_SECOND / 20}::int) as n`;
				await pause(50 - ((performance.now() - begin) % 50));
			}
		})();
		for (const app of apps) {
			await app.terminate();
			await app.restart();
			// The next server restarts when this one serves again: a rolling restart.
			await until(async () => (await fetch(`http://127.0.0.1:${app.port}/api/health`)).ok);
		}
		writing = false;
		await written;
		const log = (
			await stage.sql<
				{ id: string }[]
			>`select id from events where topic = 'notifications' order by id`
		).map(({ id }) => Number(id));
		await until(() => readers.every(({ ids }) => ids.at(-1) === log.at(-1)), {
			what: 'everybody has the last event',
			timeoutMs: 30_000
		});
		for (const { ids } of readers) expect(ids).toEqual(log);
		const silence = Math.max(...readers.map(({ longestSilence }) => longestSilence));
		expect(silence, 'milliseconds without an event').toBeLessThan(LONGEST_SILENCE);
	}
);

it.skipIf(!installed)(
	'the only server is replaced while the proxy answers 502: the page says so, and then shows what was missed, once',
	async () => {
		const port = await freePort();
		const app = await stage.start({ publicPort: port });
		await startNginx([app.port, app.port], port);
		const reader = await stage.openPage();
		await reader.signUp(app.url, 'ada');
		await stage.publish('notifications', 'before');
		await reader.shows('Notifications', 'before');
		const refused: number[] = [];
		reader.page.on('response', (response) => {
			if (new URL(response.url()).pathname === '/api/events') refused.push(response.status());
		});

		await app.kill9();
		await reader.page
			.getByTestId('stream-banner')
			.filter({ hasText: 'The server does not serve at the moment.' })
			.waitFor();
		expect(refused).toContain(502);
		await stage.publish('notifications', 'during 1', 'during 2');
		await app.restart();
		await reader.live();
		await stage.publish('notifications', 'after');
		await reader.shows('Notifications', 'after');
		expect(await reader.entries('Notifications')).toEqual([
			'after',
			'during 2',
			'during 1',
			'before'
		]);
		expect(await reader.counter('Notifications')).toBe(4);
	}
);
