import { CONTROL } from '$lib/protocol';
import type { Encoder } from '../delivery/sink.ts';

/** Fields of one block of an event stream. */
export interface Block {
	event?: string;
	/** One line: JSON never contains a line break. */
	data?: string;
	id?: string;
	/** Milliseconds. */
	retry?: number;
	comment?: string;
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');

/**
 * Writes one block.
 *
 * @throws TypeError when a field contains a line break, or the id U+0000: it would end the field and begin another.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export function encodeBlock(block: Block): Uint8Array {
	let text = '';
	for (const [field, value] of [
		['', block.comment],
		['id', block.id],
		['event', block.event],
		['retry', block.retry?.toString()],
		['data', block.data]
	] as const) {
		if (value === undefined) continue;
		if (/[\r\n]/.test(value) || (field === 'id' && value.includes('\0'))) {
			throw new TypeError(`the ${field || 'comment'} of an event must be one line`);
		}
		text += `${field}: ${value}\n`;
	}
	return bytes(text + '\n');
}

/**
 * The frames of the log. An event's topic and data go out as they are: a topic that is sent was asked for by a valid name,
 * and Postgres prints jsonb on one line.
 */
export const encoder: Encoder = {
	event: ({ id, topic, data }) => bytes(`id: ${id}\nevent: ${topic}\ndata: ${data}\n\n`),
	cursor: (id) => bytes(`id: ${id}\n\n`),
	control: (name, data, id) =>
		encodeBlock({ event: name, data: JSON.stringify(data), id: id?.toString() }),
	keepAlive: (position) => {
		// Most clients are at the tail: the same bytes serve them all.
		if (lastKeepAlive?.position !== position) {
			lastKeepAlive = {
				position,
				frame: bytes(`: keep-alive\nid: ${position}\nevent: ${CONTROL.keepAlive}\ndata: {}\n\n`)
			};
		}
		return lastKeepAlive.frame;
	}
};

let lastKeepAlive: { position: bigint; frame: Uint8Array } | undefined;
