import type { Handshake } from '../load/protocol.ts';
import { Child } from './child.ts';

/** A server under measurement, in its own process. The caller must call `stop()`. */
export interface Served {
	port: number;
	/** Process whose CPU time counts as the server's. */
	pid: number;
	handshake: Handshake;
	/** Sends `count` events to every client. */
	emit(count: number): void;
	stop(): Promise<void>;
}

/** A server on Node, which can report more. */
export interface NodeServed extends Served {
	/** After a garbage collection; needs `--expose-gc`. */
	memory(): Promise<NodeJS.MemoryUsage>;
	send(message: object): void;
}

/** A request for a stream of server-sent events. */
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

/** A child process with the protocol of `peers/harness.mjs`. */
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

/**
 * Returns the memory when two consecutive collections give nearly the same result: connections need a moment to open and
 * close.
 */
export async function settledMemory(served: NodeServed): Promise<NodeJS.MemoryUsage> {
	let last = await served.memory();
	for (;;) {
		await new Promise((resolve) => setTimeout(resolve, 500));
		const next = await served.memory();
		if (Math.abs(next.heapUsed - last.heapUsed) < 100_000) return next;
		last = next;
	}
}

/** Starts one of `peers/*.mjs`, which chooses a port itself. */
export async function startPeer(file: string, handshake: Handshake): Promise<NodeServed> {
	const path = new URL(`../peers/${file}`, import.meta.url).pathname;
	const child = new Child(file, path, { argv: ['--expose-gc'] });
	const { port } = await child.receive<Message>(({ type }) => type === 'port');
	return nodeServed(child, port, handshake);
}
