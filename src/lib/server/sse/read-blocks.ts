/** A block of an event stream, as this server writes it. */
export interface ReadBlock {
	id: string | null;
	/** null: the block only sets the cursor, or the time to wait before a reconnect. */
	event: string | null;
	data: string;
}

/**
 * Reads the blocks of a stream that this server itself has written: one line per field, "\n" at its end. It is no parser for
 * other servers' streams.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export async function* readBlocks(
	reader: ReadableStreamDefaultReader<Uint8Array>
): AsyncGenerator<ReadBlock> {
	const decoder = new TextDecoder();
	let rest = '';
	for (;;) {
		const { done, value } = await reader.read();
		if (done) return;
		const blocks = (rest + decoder.decode(value, { stream: true })).split('\n\n');
		rest = blocks.pop()!;
		for (const block of blocks) yield parse(block);
	}
}

function parse(text: string): ReadBlock {
	const block: ReadBlock = { id: null, event: null, data: '' };
	for (const line of text.split('\n')) {
		if (line.startsWith('id: ')) block.id = line.slice(4);
		else if (line.startsWith('event: ')) block.event = line.slice(7);
		else if (line.startsWith('data: ')) block.data = line.slice(6);
	}
	return block;
}
