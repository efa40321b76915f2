import type { Sink } from '../delivery/sink.ts';
import type { ByteSource, Outlet } from './direct-stream.ts';

/** How long a stream that has ended may take to send its last bytes. Then its socket is destroyed. Milliseconds. */
const CLOSE_MS = 5000;

/** The body of one event-stream response, as a sink. */
export class SSEBody implements Sink, ByteSource {
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
	#progressAt = performance.now();

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
		if (this.#backlog === 0) this.#progressAt = performance.now();
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
			this.#progressAt = performance.now();
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
