// Many signals travel in one notification of Postgres, as a packet: a first line with the log and its head, and a line for
// each signal. JSON text has no line break and no tab.
import type { ReceivedSignal } from '../hub.ts';

/** A notification has less than 8,000 octets. Its first line has an epoch, an id, and two characters more. */
const MAX_PACKET_OCTETS = 7999 - 36 - 19 - 2;

/** Longest line of one signal, in octets. */
export const MAX_LINE_OCTETS = MAX_PACKET_OCTETS;

/** What a notification brings. */
export interface Packet {
	/** Epoch of the log whose servers are meant: several logs can share a database. */
	epoch: string;
	/** Newest event of the log when the signals were sent. */
	head: bigint;
	signals: ReceivedSignal[];
}

/** Returns the line of a signal. */
export const lineOf = ({ topic, userId, json }: ReceivedSignal): string =>
	`${JSON.stringify([topic, userId])}\t${json}`;

/** Joins lines into as few packets as possible, in order. The database adds the first line. */
export function pack(lines: readonly { line: string; octets: number }[]): string[] {
	const packets: string[] = [];
	let packet: string[] = [];
	let length = 0;
	for (const { line, octets } of lines) {
		if (length + octets + 1 > MAX_PACKET_OCTETS && packet.length > 0) {
			packets.push(packet.join('\n'));
			packet = [];
			length = 0;
		}
		packet.push(line);
		length += octets + 1;
	}
	if (packet.length > 0) packets.push(packet.join('\n'));
	return packets;
}

/** @throws Error when the text is not a packet: any program can notify */
export function unpack(payload: string): Packet {
	const [first = '', ...lines] = payload.split('\n');
	// It would end a line of the stream, too.
	if (payload.includes('\r')) throw notAPacket(first);
	const [, epoch, head] = /^([0-9a-f-]{36}) ([0-9]{1,19})$/.exec(first) ?? [];
	if (epoch === undefined || head === undefined) throw notAPacket(first);
	return { epoch, head: BigInt(head), signals: lines.map(signalOf) };
}

function signalOf(line: string): ReceivedSignal {
	const tab = line.indexOf('\t');
	const [topic, userId] = JSON.parse(line.slice(0, tab)) as unknown[];
	if (typeof topic !== 'string' || !(userId === null || typeof userId === 'string')) {
		throw notAPacket(line);
	}
	return { topic, userId, json: line.slice(tab + 1) };
}

const notAPacket = (text: string) => new Error(`"${text.slice(0, 60)}" is not of a packet`);
