/**
 * A server in a process of its own, so that its memory is nobody else's. It tells its port when it serves; whenever it gets
 * a message, it collects its garbage and tells what it occupies. Run by paused-socket.test.ts with --expose-gc.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { startAppServer } from '../support/app-server.ts';

/** What the process tells when it is asked. Bytes. */
export interface Usage {
	/** Resident memory before and after its garbage was collected. */
	peak: number;
	resident: number;
	/** What its sockets have passed to the system. */
	written: number;
}

const sockets = new Set<Socket>();
subscribe('http.server.request.start', (message) => {
	sockets.add((message as { socket: Socket }).socket);
});

// Whoever started us has died: nobody would end us any more.
process.on('disconnect', () => process.exit(1));
process.on('message', () => {
	const peak = process.memoryUsage.rss();
	globalThis.gc?.();
	let written = 0;
	for (const socket of sockets) written += socket.bytesWritten - socket.writableLength;
	process.send?.({ peak, resident: process.memoryUsage.rss(), written } satisfies Usage);
});

// A client that stands still for long is the point here.
const server = await startAppServer(process.env.DATABASE_URL ?? '', { stallMs: 600_000 });
process.send?.({ port: server.port });
