/** Where a subscriber's bytes go: a socket, seen from here. */
export interface Sink {
	/** Takes the bytes; never blocks. Bytes written after the end are dropped. */
	write(chunk: Uint8Array): void;
	/** Bytes taken and not yet passed on. */
	readonly backlog: number;
	/** Resolves when the backlog is small again, or the sink has ended. */
	drained(): Promise<void>;
	/** Ends after what has been written. Calling it again does nothing. */
	end(): void;
	/** True once nobody reads any more. */
	readonly ended: boolean;
}

/** How delivery turns facts into bytes; it knows no wire format itself. */
export interface Encoder {
	event(event: { id: bigint; topic: string; data: string }): Uint8Array;
	/** Sets the client's cursor without an event. */
	cursor(id: bigint): Uint8Array;
	/** A control event; with an id when it also moves the cursor. */
	control(name: string, data: unknown, id?: bigint): Uint8Array;
	keepAlive(position: bigint): Uint8Array;
}

/** Joins chunks into one; a single one is passed on as it is. */
export function concat(chunks: readonly Uint8Array[]): Uint8Array {
	return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}
