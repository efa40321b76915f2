/** Where the bytes of a subscriber go: a socket. */
export interface Sink {
	/** Takes the bytes. Never blocks. Bytes written after the end are dropped. */
	write(chunk: Uint8Array): void;
	/** Bytes that were written and not yet passed on to the socket. */
	readonly backlog: number;
	/** Resolves when the backlog is small again, or when the sink has ended. */
	drained(): Promise<void>;
	/** Ends the sink after the written bytes. Calling it again does nothing. */
	end(): void;
	/** True when nobody reads any more. */
	readonly ended: boolean;
}

/** Turns events into bytes. Delivery itself does not know the wire format. */
export interface Encoder {
	event(event: { id: bigint; topic: string; data: string }): Uint8Array;
	/** A signal. It has no id, so the cursor stays. */
	signal(topic: string, json: string): Uint8Array;
	/** Sets the cursor of the client without an event. */
	cursor(id: bigint): Uint8Array;
	/** A control event. With an id, it also moves the cursor. */
	control(name: string, data: unknown, id?: bigint): Uint8Array;
	keepAlive(position: bigint): Uint8Array;
}

/** Approximate bytes of one write. Larger writes mean fewer system calls, but joining copies the bytes. */
export const WRITE_BYTES = 131_072;

/** Bytes that are written together. */
export interface Chunk {
	bytes: Uint8Array;
	/** Id of the last event in the chunk. */
	upTo: bigint;
}

/**
 * Joins frames into as few chunks as possible, each about one write. A frame that is as large as a write is passed on
 * without a copy, so it is in memory once, however many streams get it.
 */
export function join(frames: Iterable<{ id: bigint; frame: Uint8Array }>): Chunk[] {
	const chunks: Chunk[] = [];
	let run: Uint8Array[] = [];
	let length = 0;
	let upTo = 0n;
	const flush = () => {
		if (run.length > 0) {
			chunks.push({ bytes: run.length === 1 ? run[0]! : Buffer.concat(run, length), upTo });
		}
		run = [];
		length = 0;
	};
	for (const { id, frame } of frames) {
		if (length + frame.byteLength > WRITE_BYTES) flush();
		run.push(frame);
		length += frame.byteLength;
		upTo = id;
	}
	flush();
	return chunks;
}
