import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/** A TCP proxy that can misbehave. Whoever starts it calls `close()`. */
export interface Proxy {
	readonly port: number;
	/** Connections that are open now. */
	readonly connections: number;
	/** Connections that were ever accepted. */
	readonly accepted: number;
	/** Bytes forwarded from the server to clients, in all. */
	readonly delivered: number;
	/** Resets every open connection. New ones are accepted as before. */
	cut(): void;
	/** Swallows, from now on, everything in the connections that are open, both ways: they stay open and silent. */
	halfOpen(): void;
	/** Stops reading from all connections, present and future, until `resume()`: back-pressure instead of loss. */
	pause(): void;
	resume(): void;
	/** Whether new connections are reset at once. */
	refuse(yes: boolean): void;
	/** Resets every connection after that many more bytes from the server have been forwarded, at exactly that byte. */
	cutAfter(bytes: number): void;
	/** Ends the proxy and all its connections. */
	close(): Promise<void>;
}

interface Pair {
	client: Socket;
	server: Socket;
	silent: boolean;
}

/**
 * Starts a proxy on a free port of 127.0.0.1.
 *
 * @param target where it forwards to; may be changed by answering another port later
 */
export async function startProxy(target: number | (() => number)): Promise<Proxy> {
	const pairs = new Set<Pair>();
	let accepted = 0;
	let delivered = 0;
	let paused = false;
	let refusing = false;
	let allowance = Infinity;

	// Node fails to reset a socket that is shutting down, and then never closes it.
	const reset = (socket: Socket) => {
		if (socket.writableEnded) socket.destroy();
		else socket.resetAndDestroy();
	};
	const drop = (pair: Pair) => {
		pairs.delete(pair);
		reset(pair.client);
		reset(pair.server);
	};
	const cut = () => {
		for (const pair of pairs) drop(pair);
	};

	/** Passes bytes on at the pace of the reader. */
	const pump = (pair: Pair, from: Socket, to: Socket, passed: (bytes: Buffer) => Buffer) => {
		from.on('data', (bytes: Buffer) => {
			if (pair.silent) return;
			if (!to.write(passed(bytes))) {
				from.pause();
				to.once('drain', () => {
					if (!paused) from.resume();
				});
			}
			if (allowance === 0) {
				allowance = Infinity;
				// What follows must not get through behind what is missing: no network leaves a hole in a stream.
				pair.silent = true;
				for (const other of pairs) if (other !== pair) drop(other);
				// After the last byte has left, or it could be lost with the reset.
				to.write('', () => drop(pair));
			}
		});
		from.on('end', () => {
			if (!pair.silent) to.end();
		});
		from.on('close', () => {
			// A pair that is gone is being reset already, which shuts down first.
			if (pair.silent || !pairs.delete(pair)) return;
			to.destroy();
		});
		// What follows an error is `close`.
		from.on('error', () => {});
	};

	const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
		accepted++;
		if (refusing) {
			client.resetAndDestroy();
			return;
		}
		const server = connect({
			port: typeof target === 'number' ? target : target(),
			host: '127.0.0.1',
			allowHalfOpen: true,
			noDelay: true
		});
		const pair = { client, server, silent: false };
		pairs.add(pair);
		pump(pair, client, server, (bytes) => bytes);
		pump(pair, server, client, (bytes) => {
			const part = bytes.subarray(0, allowance);
			delivered += part.length;
			allowance -= part.length;
			return part;
		});
		if (paused) {
			client.pause();
			server.pause();
		}
	});
	await new Promise<void>((resolve, reject) => {
		listener.once('error', reject);
		listener.listen(0, '127.0.0.1', resolve);
	});

	return {
		port: (listener.address() as AddressInfo).port,
		get connections() {
			return pairs.size;
		},
		get accepted() {
			return accepted;
		},
		get delivered() {
			return delivered;
		},
		cut,
		halfOpen: () => {
			for (const pair of pairs) pair.silent = true;
		},
		pause: () => {
			paused = true;
			for (const { client, server } of pairs) {
				client.pause();
				server.pause();
			}
		},
		resume: () => {
			paused = false;
			for (const { client, server } of pairs) {
				client.resume();
				server.resume();
			}
		},
		refuse: (yes) => {
			refusing = yes;
		},
		cutAfter: (bytes) => {
			allowance = bytes;
		},
		close: async () => {
			const closed = new Promise((resolve) => listener.close(resolve));
			cut();
			await closed;
		}
	};
}
