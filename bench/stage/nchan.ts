import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../src/embedded-postgres/cluster.ts';
import { until } from '../../tests/support/until.ts';
import { payload, TOPIC } from '../peers/payload.mjs';
import { eventStream, type Served } from './server.ts';

/** Usual folders of the modules. */
const MODULES = ['/usr/lib/nginx/modules', '/usr/lib64/nginx/modules', '/usr/local/nginx/modules'];

const CONFIG = (module: string, folder: string, port: number) => `
load_module ${module};
user root;
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
	access_log off;
	client_body_temp_path ${folder}/body;
	proxy_temp_path ${folder}/proxy;
	fastcgi_temp_path ${folder}/fastcgi;
	uwsgi_temp_path ${folder}/uwsgi;
	scgi_temp_path ${folder}/scgi;
	keepalive_requests 1000000;
	nchan_shared_memory_size 512m;
	server {
		listen 127.0.0.1:${port} backlog=4096;
		location = /sub { nchan_subscriber eventsource; nchan_channel_id bench; nchan_subscriber_first_message newest; }
		location = /pub { nchan_publisher http; nchan_channel_id bench; nchan_message_buffer_length 2000; }
	}
}`;

/**
 * nginx with nchan. A publisher sends each event as a request, pipelined on one connection.
 *
 * @returns null when nginx or the module is not installed
 */
export async function startNchan(): Promise<Served | null> {
	const folder = await mkdtemp(join(tmpdir(), 'logline-bench-nchan-'));
	const config = join(folder, 'nginx.conf');
	const port = await freePort();
	const usable = async () => {
		for (const modules of MODULES) {
			await writeFile(config, CONFIG(`${modules}/ngx_nchan_module.so`, folder, port));
			const test = promisify(execFile)('nginx', ['-t', '-e', `${folder}/error.log`, '-c', config]);
			if (
				await test.then(
					() => true,
					() => false
				)
			)
				return true;
		}
		return false;
	};
	if (!(await usable())) {
		await rm(folder, { recursive: true, force: true });
		return null;
	}
	const nginx = spawn('nginx', ['-e', `${folder}/error.log`, '-c', config], { stdio: 'ignore' });
	const exited = once(nginx, 'exit');
	const worker = await until(
		async () => {
			const master = nginx.pid!;
			const children = await readFile(`/proc/${master}/task/${master}/children`, 'utf8');
			return Number(children.trim().split(' ')[0]);
		},
		{ what: 'nginx has started its worker' }
	);
	const publisher = await openPublisher(port);
	let id = 0;
	return {
		port,
		pid: worker,
		handshake: eventStream('/sub'),
		emit: (count) => {
			let requests = '';
			for (let i = 0; i < count; i++) {
				const body = JSON.stringify({ ...payload(), number: ++id });
				requests +=
					`POST /pub HTTP/1.1\r\nHost: localhost\r\nX-EventSource-Event: ${TOPIC}\r\n` +
					`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
			}
			publisher.write(requests);
		},
		stop: async () => {
			publisher.destroy();
			nginx.kill('SIGTERM');
			await exited;
			await rm(folder, { recursive: true, force: true });
		}
	};
}

async function openPublisher(port: number): Promise<Socket> {
	const socket = connect({ port, host: '127.0.0.1', noDelay: true });
	// The responses are not needed, but must be read.
	socket.resume();
	await once(socket, 'connect');
	return socket;
}
