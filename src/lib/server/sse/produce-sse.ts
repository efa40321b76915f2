import { CONTROL, type SSETopicsMap } from '../../protocol/index.ts';
import type { Sink } from '../delivery/sink.ts';
import { DirectStream, type ByteSource, type Outlet } from './direct-stream.ts';
import { encodeBlock } from './frames.ts';

/** One event for one connection. */
export interface SSEEmitOptions<TTopics, K extends keyof TTopics> {
	event: K;
	data: TTopics[K];
	/** Becomes `lastEventId` of the client. */
	id?: string;
}

/**
 * Sends an event to the connection.
 *
 * @returns false when the client is too slow. A producer that can wait should then await `connection.drained()`. If it does
 *   not, the connection ends at four times the buffer, and the client reconnects.
 */
export type SSEEmitter<TTopics> = <K extends keyof TTopics>(
	options: SSEEmitOptions<TTopics, K>
) => boolean;

/** Called when the connection has ended, whichever side ended it. */
export type SSECleanup = () => void | Promise<void>;

/** Feeds one connection. The function that it returns is called once, at the end. */
export type SSEProducer<TTopics> = (
	emit: SSEEmitter<TTopics>,
	connection: SSEConnection
) => SSECleanup | void | Promise<SSECleanup | void>;

/** Times in milliseconds, sizes in bytes. */
export interface SSEOptions {
	/** How long the browser waits before it reconnects. Default 3000. */
	retryMs?: number;
	/** Interval of keep-alives; 0: none. Default 15000. */
	keepAliveMs?: number;
	/** A client with more unsent bytes than this counts as slow. Default 262144. */
	bufferBytes?: number;
	/** Called with errors of the producer or of its cleanup. Default: `console.error`. */
	onError?: (error: unknown) => void;
}

/** Headers of every stream. No proxy may store, change or buffer it. */
export const SSE_HEADERS = {
	'content-type': 'text/event-stream',
	'cache-control': 'no-cache, no-transform',
	'x-accel-buffering': 'no'
};

/** How long a stream that has ended may take to send its last bytes. Then its socket is destroyed. Milliseconds. */
const CLOSE_MS = 5000;

/** The body of one event-stream response, as a sink. */
export class SSEConnection implements Sink, ByteSource {
	readonly #buffer: number;
	#queue: Uint8Array[] = [];
	#backlog = 0;
	#reader: ((result: ReadableStreamReadResult<Uint8Array>) => void) | null = null;
	#outlet: Outlet | null = null;
	#ended = false;
	#gone = false;
	#onEnd: (() => void)[] = [];
	#onGone: (() => void)[] = [];
	#closing: NodeJS.Timeout | undefined;
	#waiting: (() => void)[] = [];
	#progressAt = Date.now();

	/** @param bufferBytes {@link drained} waits until the unsent bytes are below a quarter of this */
	constructor(bufferBytes: number) {
		this.#buffer = bufferBytes;
	}

	get ended(): boolean {
		return this.#ended;
	}

	get backlog(): number {
		return this.#ended ? 0 : this.#backlog;
	}

	get progressAt(): number {
		return this.#progressAt;
	}

	write(chunk: Uint8Array): void {
		if (this.#ended) return;
		const reader = this.#reader;
		if (reader) {
			if (this.#outlet?.take(chunk)) return;
			this.#reader = null;
			reader({ done: false, value: chunk });
			return;
		}
		if (this.#backlog === 0) this.#progressAt = Date.now();
		this.#queue.push(chunk);
		this.#backlog += chunk.byteLength;
	}

	shortCut(outlet: Outlet): void {
		this.#outlet = outlet;
		outlet.onClose(() => this.cancel());
		// It may have ended before it got a socket.
		if (this.#ended) this.#close(outlet);
	}

	drained(): Promise<void> {
		if (this.#isLow()) return Promise.resolve();
		return new Promise((resolve) => this.#waiting.push(resolve));
	}

	/** Calls `listener` in the same tick in which the connection ends, or at once if it has ended already. */
	onEnd(listener: () => void): void {
		if (this.#ended) listener();
		else this.#onEnd.push(listener);
	}

	/** Calls `listener` when the socket has closed, or, without a socket, when the reader has read everything. */
	onGone(listener: () => void): void {
		if (this.#gone) listener();
		else this.#onGone.push(listener);
	}

	end(): void {
		this.#finish();
	}

	/** Ends the connection at once: unsent bytes are dropped, and the socket is closed. */
	destroy(): void {
		this.#outlet?.destroy();
		this.cancel();
	}

	/** A reader that asks for more has passed on the bytes before. So a read also shows that bytes are leaving. */
	read(): Promise<ReadableStreamReadResult<Uint8Array>> {
		const chunk = this.#queue.shift();
		if (chunk) {
			this.#backlog -= chunk.byteLength;
			this.#progressAt = Date.now();
			if (this.#waiting.length > 0 && this.#isLow()) this.#release();
			return Promise.resolve({ done: false, value: chunk });
		}
		if (this.#ended) {
			if (!this.#outlet) this.#leave();
			return Promise.resolve({ done: true, value: undefined });
		}
		return new Promise((resolve) => (this.#reader = resolve));
	}

	cancel(): void {
		this.#queue = [];
		this.#backlog = 0;
		this.#finish();
		this.#leave();
	}

	#isLow(): boolean {
		return this.#ended || this.#backlog <= this.#buffer / 4;
	}

	#release(): void {
		const waiting = this.#waiting;
		this.#waiting = [];
		for (const resolve of waiting) resolve();
	}

	#finish(): void {
		if (this.#ended) return;
		this.#ended = true;
		const reader = this.#reader;
		this.#reader = null;
		reader?.({ done: true, value: undefined });
		this.#release();
		const listeners = this.#onEnd;
		this.#onEnd = [];
		for (const listener of listeners) listener();
		if (this.#outlet) this.#close(this.#outlet);
		else if (reader) this.#leave();
	}

	/** A client that takes no bytes must not keep its socket. */
	#close(outlet: Outlet): void {
		if (this.#gone) return;
		this.#closing = setTimeout(() => outlet.destroy(), CLOSE_MS);
	}

	#leave(): void {
		if (this.#gone) return;
		this.#gone = true;
		clearTimeout(this.#closing);
		const listeners = this.#onGone;
		this.#onGone = [];
		for (const listener of listeners) listener();
	}
}

/**
 * Returns a response that is a stream of server-sent events. It works alone: the events need not come from the log.
 *
 * ```ts
 * export const GET = () =>
 * 	produceSSE<{ progress: { percent: number } }>((emit) => {
 * 		const timer = setInterval(() => emit({ event: 'progress', data: readProgress() }), 1000);
 * 		return () => clearInterval(timer);
 * 	});
 * ```
 *
 * The first bytes (`retry:`) are sent at once, keep-alives follow, and memory is bounded even if the client does not read.
 * When the producer throws, the connection ends, and the client reconnects.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function produceSSE<TTopics = SSETopicsMap>(
	producer: SSEProducer<TTopics>,
	options: SSEOptions = {}
): Response {
	const {
		retryMs = 3000,
		keepAliveMs = 15_000,
		bufferBytes = 262_144,
		onError = (error) => console.error('[SSE]', error)
	} = options;
	const connection = new SSEConnection(bufferBytes);
	connection.write(encodeBlock({ retry: retryMs }));
	if (keepAliveMs > 0) keepAlive(connection, keepAliveMs);
	void run(producer, connection, { bufferBytes, onError });

	return new Response(new DirectStream(connection), {
		headers: SSE_HEADERS
	});
}

/**
 * Sends an event as well as a comment: browsers do not expose comments, but the client's watchdog must see a sign of life.
 */
function keepAlive(connection: SSEConnection, everyMs: number): void {
	const proofOfLife = encodeBlock({
		comment: 'keep-alive',
		event: CONTROL.keepAlive,
		data: '{}'
	});
	const timer = setInterval(() => connection.write(proofOfLife), everyMs);
	connection.onEnd(() => clearInterval(timer));
}

/** A separate function, so that an open connection keeps only its cleanup in memory. */
async function run<TTopics>(
	producer: SSEProducer<TTopics>,
	connection: SSEConnection,
	{ bufferBytes, onError }: Required<Pick<SSEOptions, 'bufferBytes' | 'onError'>>
): Promise<void> {
	const emit: SSEEmitter<TTopics> = ({ event, data, id }) => {
		connection.write(encodeBlock({ event: String(event), data: JSON.stringify(data), id }));
		if (connection.backlog > 4 * bufferBytes) connection.end();
		return connection.backlog <= bufferBytes && !connection.ended;
	};
	try {
		const cleanup = await producer(emit, connection);
		if (cleanup) connection.onEnd(() => void clean(cleanup, onError));
	} catch (error) {
		onError(error);
		connection.end();
	}
}

async function clean(cleanup: SSECleanup, onError: (error: unknown) => void): Promise<void> {
	try {
		await cleanup();
	} catch (error) {
		onError(error);
	}
}
