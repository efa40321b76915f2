/**
 * A server in its own process, so that its memory can be measured. It sends its port when it serves. At each message it
 * collects garbage and sends its memory usage. Run with --expose-gc.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { startAppServer } from '../support/app-server.ts';

/** What the process reports. Bytes. */
export interface Usage {
	/** Resident memory before the garbage collection; `resident`: after it. */
	peak: number;
	resident: number;
	/** Highest resident memory ever. */
	highest: number;
	/** Bytes that its sockets have passed to the system. */
	written: number;
}

const sockets = new Set<Socket>();
subscribe('http.server.request.start', (message) => {
	sockets.add((message as { socket: Socket }).socket);
});

// The parent process has died, so nobody would end this one.
process.on('disconnect', () => process.exit(1));
process.on('message', () => {
	const peak = process.memoryUsage.rss();
	globalThis.gc?.();
	let written = 0;
	for (const socket of sockets) written += socket.bytesWritten - socket.writableLength;
	const resident = process.memoryUsage.rss();
	const highest = process.resourceUsage().maxRSS * 1024;
	process.send?.({ peak, resident, highest, written } satisfies Usage);
});

// These tests need clients that do not read for a long time.
const server = await startAppServer(process.env.DATABASE_URL ?? '', { stallMs: 600_000 });
process.send?.({ port: server.port });
