import type { Handshake } from '../load/protocol.ts';
import { Child } from './child.ts';

/** A server under measurement, in a process of its own. Whoever starts it calls `stop()`. */
export interface Served {
	port: number;
	/** Process whose processor time counts as the server's. */
	pid: number;
	handshake: Handshake;
	/** Sends so many events to every client. */
	emit(count: number): void;
	stop(): Promise<void>;
}

/** One that runs on Node can tell more. */
export interface NodeServed extends Served {
	/** After a collection; needs `--expose-gc`. */
	memory(): Promise<NodeJS.MemoryUsage>;
	send(message: object): void;
}

/** A subscription to a stream of server-sent events. */
export function eventStream(path: string, options: { headers?: string[]; ready?: string } = {}) {
	const lines = [
		`GET ${path} HTTP/1.1`,
		'Host: localhost',
		'Accept: text/event-stream',
		...(options.headers ?? []),
		'',
		''
	];
	return {
		request: lines.join('\r\n'),
		steps: [{ wait: options.ready ?? '\r\n\r\n' }]
	} satisfies Handshake;
}

type Message = { type: string; port: number } & NodeJS.MemoryUsage;

/** A child that speaks as `peers/harness.mjs` does. */
export function nodeServed(child: Child, port: number, handshake: Handshake): NodeServed {
	return {
		port,
		pid: child.pid,
		handshake,
		emit: (count) => child.send({ type: 'emit', count }),
		send: (message) => child.send(message),
		memory: async () => {
			const told = child.receive<Message>(({ type }) => type === 'memory');
			child.send({ type: 'memory' });
			return told;
		},
		stop: () => child.stop()
	};
}

/** Starts one of `peers/*.mjs`, which finds a port by itself. */
export async function startPeer(file: string, handshake: Handshake): Promise<NodeServed> {
	const path = new URL(`../peers/${file}`, import.meta.url).pathname;
	const child = new Child(file, path, { argv: ['--expose-gc'] });
	const { port } = await child.receive<Message>(({ type }) => type === 'port');
	return nodeServed(child, port, handshake);
}
