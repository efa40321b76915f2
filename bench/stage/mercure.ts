import { execFile, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../src/embedded-postgres/cluster.ts';
import { until } from '../../tests/support/until.ts';
import { payload, TOPIC } from '../peers/payload.mjs';
import { eventStream, type Served } from './server.ts';

const KEY = 'a-key-for-the-benchmark-and-nothing-else';

const CONFIG = (port: number) => `{
	auto_https off
	admin off
}
http://127.0.0.1:${port} {
	route {
		mercure {
			publisher_jwt ${KEY}
			subscriber_jwt ${KEY}
			anonymous
			transport local
		}
		respond 404
	}
}`;

/**
 * The Mercure hub without history. A publisher posts each event, eight requests at a time.
 *
 * @returns null when there is no `mercure` on the PATH
 */
export async function startMercure(): Promise<Served | null> {
	const there = await promisify(execFile)('mercure', ['version']).then(
		() => true,
		() => false
	);
	if (!there) return null;
	const folder = await mkdtemp(join(tmpdir(), 'logline-bench-mercure-'));
	const port = await freePort();
	const config = join(folder, 'Caddyfile');
	await writeFile(config, CONFIG(port));
	const hub = spawn('mercure', ['run', '--adapter', 'caddyfile', '--config', config], {
		stdio: 'ignore'
	});
	const exited = once(hub, 'exit');
	await until(async () => (await fetch(`http://127.0.0.1:${port}/`)).status === 404, {
		what: 'Mercure answers'
	});
	const agent = new Agent({ keepAlive: true, maxSockets: 8 });
	const authorization = `Bearer ${token({ mercure: { publish: ['*'] } })}`;
	return {
		port,
		pid: hub.pid!,
		handshake: eventStream('/.well-known/mercure?topic=bench'),
		emit: (count) => {
			for (let i = 0; i < count; i++) {
				const body = new URLSearchParams({
					topic: 'bench',
					type: TOPIC,
					data: JSON.stringify(payload())
				}).toString();
				request(
					{
						port,
						host: '127.0.0.1',
						path: '/.well-known/mercure',
						method: 'POST',
						agent,
						headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' }
					},
					(response) => response.resume()
				)
					.on('error', (error) => console.error('Mercure:', error.message))
					.end(body);
			}
		},
		stop: async () => {
			agent.destroy();
			hub.kill('SIGTERM');
			await exited;
			await rm(folder, { recursive: true, force: true });
		}
	};
}

function token(claims: object): string {
	const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
	const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
	return `${signed}.${createHmac('sha256', KEY).update(signed).digest('base64url')}`;
}
