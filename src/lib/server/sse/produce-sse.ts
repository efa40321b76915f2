import { CONTROL, type SSETopicsMap } from '$lib/protocol';
import type { Sink } from '../delivery/sink.ts';
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

/** The body of one event-stream response, as a place to write to. */
export class SSEConnection implements Sink {
	readonly stream: ReadableStream<Uint8Array>;
	readonly #buffer: number;
	readonly #onEnd: () => void;
	#controller: ReadableStreamDefaultController<Uint8Array> | null = null;
	#ended = false;
	#waiting: (() => void)[] = [];
	#progressAt = Date.now();

	/** @param onEnd called once, in the tick in which the connection ends */
	constructor(bufferBytes: number, onEnd: () => void) {
		this.#buffer = bufferBytes;
		this.#onEnd = onEnd;
		this.stream = new ReadableStream<Uint8Array>(
			{
				start: (controller) => {
					this.#controller = controller;
				},
				pull: () => this.#progress(),
				cancel: () => this.#finish()
			},
			new ByteLengthQueuingStrategy({ highWaterMark: bufferBytes })
		);
	}

	get ended(): boolean {
		return this.#ended;
	}

	get backlog(): number {
		return this.#ended ? 0 : this.#buffer - (this.#controller?.desiredSize ?? this.#buffer);
	}

	get progressAt(): number {
		return this.#progressAt;
	}

	write(chunk: Uint8Array): void {
		if (this.#ended) return;
		if (this.backlog === 0) this.#progressAt = Date.now();
		this.#controller?.enqueue(chunk);
	}

	drained(): Promise<void> {
		if (this.#isLow()) return Promise.resolve();
		return new Promise((resolve) => this.#waiting.push(resolve));
	}

	end(): void {
		if (this.#ended) return;
		this.#controller?.close();
		this.#finish();
	}

	#isLow(): boolean {
		return this.#ended || this.backlog <= this.#buffer / 4;
	}

	/** The stream asks for more after each read, so this also tells that bytes are leaving. */
	#progress(): void {
		this.#progressAt = Date.now();
		if (this.#waiting.length > 0 && this.#isLow()) this.#release();
	}

	#release(): void {
		const waiting = this.#waiting;
		this.#waiting = [];
		for (const resolve of waiting) resolve();
	}

	#finish(): void {
		if (this.#ended) return;
		this.#ended = true;
		this.#release();
		this.#onEnd();
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
	let cleanup: SSECleanup | void;
	let timer: NodeJS.Timeout | undefined;
	let over = false;

	const clean = async () => {
		try {
			await cleanup?.();
		} catch (error) {
			onError(error);
		}
	};
	const connection = new SSEConnection(bufferBytes, () => {
		over = true;
		clearInterval(timer);
		void clean();
	});
	const emit: SSEEmitter<TTopics> = ({ event, data, id }) => {
		connection.write(encodeBlock({ event: String(event), data: JSON.stringify(data), id }));
		if (connection.backlog > 4 * bufferBytes) connection.end();
		return connection.backlog <= bufferBytes && !connection.ended;
	};

	connection.write(encodeBlock({ retry: retryMs }));
	if (keepAliveMs > 0) {
		// An event besides the comment: a browser shows comments to nobody, and a client's watchdog needs to see life.
		const proofOfLife = encodeBlock({
			comment: 'keep-alive',
			event: CONTROL.keepAlive,
			data: '{}'
		});
		timer = setInterval(() => connection.write(proofOfLife), keepAliveMs);
	}
	const run = async () => {
		try {
			cleanup = await producer(emit, connection);
			if (over) await clean();
		} catch (error) {
			onError(error);
			connection.end();
		}
	};
	void run();

	return new Response(connection.stream, {
		headers: {
			'content-type': 'text/event-stream',
			'cache-control': 'no-cache, no-transform',
			'x-accel-buffering': 'no'
		}
	});
}
