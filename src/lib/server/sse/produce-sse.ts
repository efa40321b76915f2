import { CONTROL, type SSETopicsMap } from '../../protocol/index.ts';
import { SSEBody } from './body.ts';
import { DirectStream } from './direct-stream.ts';
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
	connection: SSEBody
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
	const connection = new SSEBody(bufferBytes);
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
function keepAlive(connection: SSEBody, everyMs: number): void {
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
	connection: SSEBody,
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
