import { CONTROL, type SSETopicsMap } from '$lib/protocol';
import type { Sink } from '../delivery/sink.ts';
import { DirectStream, type ByteSource, type Outlet } from './direct-stream.ts';
import { encodeBlock } from './frames.ts';

/** One event for one connection. */
export interface SSEEmitOptions<TTopics, K extends keyof TTopics> {
	event: K;
	data: TTopics[K];
	/** Becomes the client's `lastEventId`. */
	id?: string;
}

/**
 * Sends an event to the connection. Answers false when the client does not keep up: a producer that can wait then awaits
 * `connection.drained()`; one that goes on regardless is ended at four times the buffer, and the client reconnects.
 */
export type SSEEmitter<TTopics> = <K extends keyof TTopics>(
	options: SSEEmitOptions<TTopics, K>
) => boolean;

/** Called when the connection has ended, from whichever side. */
export type SSECleanup = () => void | Promise<void>;

/** Feeds one connection. What it returns is called once, at the end. */
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
	/** Unsent bytes beyond which the client counts as slow. Default 262144. */
	bufferBytes?: number;
	/** Told what the producer or its cleanup threw. Default: `console.error`. */
	onError?: (error: unknown) => void;
}

/** Of every stream's response: nobody on the way may keep it, change it, or hold it back. */
export const SSE_HEADERS = {
	'content-type': 'text/event-stream',
	'cache-control': 'no-cache, no-transform',
	'x-accel-buffering': 'no'
};

/** The body of one event-stream response, as a place to write to. */
export class SSEConnection implements Sink, ByteSource {
	readonly #buffer: number;
	#queue: Uint8Array[] = [];
	#backlog = 0;
	#reader: ((result: ReadableStreamReadResult<Uint8Array>) => void) | null = null;
	#outlet: Outlet | null = null;
	#ended = false;
	#onEnd: (() => void)[] = [];
	#waiting: (() => void)[] = [];
	#progressAt = Date.now();

	/** @param bufferBytes unsent bytes that {@link drained} waits to fall below a quarter of */
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
	}

	drained(): Promise<void> {
		if (this.#isLow()) return Promise.resolve();
		return new Promise((resolve) => this.#waiting.push(resolve));
	}

	/** Calls `listener` in the tick in which the connection ends; at once when it has ended. */
	onEnd(listener: () => void): void {
		if (this.#ended) listener();
		else this.#onEnd.push(listener);
	}

	end(): void {
		this.#finish();
	}

	/** Whoever asks for more has passed on what came before, so this also tells that bytes are leaving. */
	read(): Promise<ReadableStreamReadResult<Uint8Array>> {
		const chunk = this.#queue.shift();
		if (chunk) {
			this.#backlog -= chunk.byteLength;
			this.#progressAt = Date.now();
			if (this.#waiting.length > 0 && this.#isLow()) this.#release();
			return Promise.resolve({ done: false, value: chunk });
		}
		if (this.#ended) return Promise.resolve({ done: true, value: undefined });
		return new Promise((resolve) => (this.#reader = resolve));
	}

	cancel(): void {
		this.#queue = [];
		this.#finish();
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
		this.#reader?.({ done: true, value: undefined });
		this.#reader = null;
		this.#release();
		const listeners = this.#onEnd;
		this.#onEnd = [];
		for (const listener of listeners) listener();
	}
}

/**
 * Answers a request with a stream of server-sent events. Works alone: what it sends need not come from the log.
 *
 * ```ts
 * export const GET = () =>
 * 	produceSSE<{ progress: { percent: number } }>((emit) => {
 * 		const timer = setInterval(() => emit({ event: 'progress', data: readProgress() }), 1000);
 * 		return () => clearInterval(timer);
 * 	});
 * ```
 *
 * The first bytes (`retry:`) leave at once, keep-alives follow, and memory is bounded whatever the client reads.
 * A producer that throws ends the connection; the client then reconnects.
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

/** An event besides the comment: a browser shows comments to nobody, and a client's watchdog needs to see life. */
function keepAlive(connection: SSEConnection, everyMs: number): void {
	const proofOfLife = encodeBlock({
		comment: 'keep-alive',
		event: CONTROL.keepAlive,
		data: '{}'
	});
	const timer = setInterval(() => connection.write(proofOfLife), everyMs);
	connection.onEnd(() => clearInterval(timer));
}

/** Apart from the rest, so that a connection holds on to nothing but its cleanup while it lives. */
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
