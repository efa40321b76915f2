import { CONTROL } from '../../protocol/index.ts';
import type { Encoder } from '../delivery/sink.ts';

/** Fields of one block of an event stream. */
export interface Block {
	event?: string;
	/** One line. JSON text contains no line break. */
	data?: string;
	id?: string;
	/** Milliseconds. */
	retry?: number;
	comment?: string;
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');

/**
 * Encodes one block.
 *
 * @throws TypeError when a field contains a line break, which would start another field, or when the id contains U+0000
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
 * Encodes the frames of the log. Topic and data of an event are not checked again: the topic was requested by a valid name,
 * and Postgres prints jsonb on one line.
 */
export const encoder: Encoder = {
	event: ({ id, topic, data }) => {
		const head = `id: ${id}\nevent: ${topic}\ndata: `;
		return data.length < LARGE ? bytes(`${head}${data}\n\n`) : assemble(head, data, '\n\n');
	},
	signal: (topic, json) => bytes(`event: ${topic}\ndata: ${json}\n\n`),
	cursor: (id) => bytes(`id: ${id}\n\n`),
	control: (name, data, id) =>
		encodeBlock({ event: name, data: JSON.stringify(data), id: id?.toString() }),
	keepAlive: (position) => {
		// Most clients are at the tail, so they share the same bytes.
		if (lastKeepAlive?.position !== position) {
			lastKeepAlive = {
				position,
				frame: bytes(`: keep-alive\nid: ${position}\nevent: ${CONTROL.keepAlive}\ndata: {}\n\n`)
			};
		}
		return lastKeepAlive.frame;
	}
};

/** Above this many characters of data, another copy of them is avoided. */
const LARGE = 65_536;

/** Encodes several texts into one buffer, without joining the texts first. */
function assemble(...texts: string[]): Uint8Array {
	const all = Buffer.allocUnsafe(texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0));
	let at = 0;
	for (const text of texts) at += all.write(text, at);
	return all;
}

let lastKeepAlive: { position: bigint; frame: Uint8Array } | undefined;
