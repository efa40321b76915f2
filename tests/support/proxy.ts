import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/** A TCP proxy that can simulate network failures. The caller must call `close()`. */
export interface Proxy {
	readonly port: number;
	/** Number of open connections. */
	readonly connections: number;
	/** Number of connections ever accepted. */
	readonly accepted: number;
	/** Total bytes forwarded from the server to clients. */
	readonly delivered: number;
	/** Resets every open connection. New ones are accepted. */
	cut(): void;
	/** From now on drops all bytes of the open connections, both ways. They stay open and silent. */
	halfOpen(): void;
	/** Stops reading from all connections, present and future, until `resume()`. This causes backpressure, not loss. */
	pause(): void;
	resume(): void;
	/** True: new connections are reset at once. */
	refuse(yes: boolean): void;
	/** Resets every connection after exactly that many more bytes from the server have been forwarded. */
	cutAfter(bytes: number): void;
	/**
	 * Forwards this many more answers of the server, and holds the rest until `release()`. It counts all connections
	 * together whose first bytes satisfy `wanted`.
	 *
	 * @param most how many connections are concerned, at most: those that are answered first
	 */
	hold(after: number, wanted: (first: string) => boolean, most?: number): void;
	/** True while an answer is held. */
	readonly holding: boolean;
	release(): void;
	/** Ends the proxy and all its connections. */
	close(): Promise<void>;
}

interface Pair {
	client: Socket;
	server: Socket;
	silent: boolean;
	/** The first bytes from the client; '' before them. */
	first: string;
	/** Its answers are counted, or held. */
	concerned: boolean;
	/** Answers that are held. */
	kept: Buffer[];
}

/**
 * Starts a proxy on a free port.
 *
 * @param target port to forward to; a function may return another port later
 * @param host address to listen on
 */
export async function startProxy(
	target: number | (() => number),
	host = '127.0.0.1'
): Promise<Proxy> {
	const pairs = new Set<Pair>();
	let accepted = 0;
	let delivered = 0;
	let paused = false;
	let refusing = false;
	let allowance = Infinity;
	let answers = Infinity;
	let isHeld: (first: string) => boolean = () => false;
	let room = 0;
	const concerns = (pair: Pair) => {
		if (!pair.concerned && room > 0 && isHeld(pair.first)) {
			pair.concerned = true;
			room--;
		}
		return pair.concerned;
	};

	// Node cannot reset a socket that is shutting down, and then never closes it.
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

	/** Forwards bytes at the speed of the reader. */
	const pump = (pair: Pair, from: Socket, to: Socket, passed: (bytes: Buffer) => Buffer) => {
		from.on('data', (bytes: Buffer) => {
			if (pair.silent) return;
			if (from === pair.client) pair.first ||= bytes.toString('latin1');
			else if (concerns(pair) && --answers < 0) {
				pair.kept.push(bytes);
				return;
			}
			if (!to.write(passed(bytes))) {
				from.pause();
				to.once('drain', () => {
					if (!paused) from.resume();
				});
			}
			if (allowance === 0) {
				allowance = Infinity;
				// Later bytes must not be forwarded after the missing ones: no network leaves a hole in a stream.
				pair.silent = true;
				for (const other of pairs) if (other !== pair) drop(other);
				// After the last byte has been sent; otherwise the reset could discard it.
				to.write('', () => drop(pair));
			}
		});
		from.on('end', () => {
			if (!pair.silent) to.end();
		});
		from.on('close', () => {
			// A removed pair is already being reset, which first shuts down.
			if (pair.silent || !pairs.delete(pair)) return;
			to.destroy();
		});
		// `close` follows each error.
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
		const pair: Pair = { client, server, silent: false, first: '', concerned: false, kept: [] };
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
		listener.listen(0, host, resolve);
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
		hold: (after, wanted, most = Infinity) => {
			answers = after;
			isHeld = wanted;
			room = most;
		},
		get holding() {
			return [...pairs].some(({ kept }) => kept.length > 0);
		},
		release: () => {
			room = 0;
			for (const pair of pairs) {
				pair.concerned = false;
				for (const bytes of pair.kept.splice(0)) pair.client.write(bytes);
			}
		},
		close: async () => {
			const closed = new Promise((resolve) => listener.close(resolve));
			cut();
			await closed;
		}
	};
}
