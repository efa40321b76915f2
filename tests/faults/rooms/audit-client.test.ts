/** What the oracle demands of a topic with a replay window, of which a client gets the last three events at first. */
import { expect, test } from 'vitest';
import type { Row } from '../archive.ts';
import type { RoomLog } from './audit.ts';
import { ClientAudit } from './audit-client.ts';
import { noRoomFindings } from './findings.ts';
import { Heads } from './heads.ts';
import { RoomJournal, type Entry } from './journal.ts';
import { Visibility } from './visibility.ts';

const TOPIC = 'desks/1/lines';
const HEAD = 40;

class TicketIsHead extends Heads {
	override high(ticket: number): number {
		return ticket;
	}
}

/** Events 1 to 40 are of the topic, which the user sees since event 2. A ticket is the head of its moment. */
function logOf(): RoomLog {
	const rows = Array.from({ length: HEAD }, (_, i): Row => {
		const id = i + 1;
		return { id, topic: TOPIC, userId: null, tag: `e${id}`, gone: null };
	});
	return {
		byTopic: new Map([[TOPIC, rows]]),
		byId: new Map(rows.map((row) => [row.id, row])),
		visibility: new Visibility([{ userId: 'ann', scope: 'desks/1', from: 2, until: Infinity }]),
		heads: new TicketIsHead(undefined as never),
		head: HEAD,
		subscribed: new Map(),
		probes: new Map()
	};
}

function findings(...entries: Entry[]): string[] {
	const journal = new RoomJournal('raw', 'raw', 'ann', 'wire');
	for (const entry of entries) journal.note(entry);
	const found = noRoomFindings();
	new ClientAudit(logOf(), journal, found).run();
	return Object.entries(found).flatMap(([name, texts]) => texts.map((text) => `${name} ${text}`));
}

const asks: Entry = {
	kind: 'asks',
	names: new Map([[TOPIC, 0]]),
	fresh: new Set([TOPIC]),
	cursor: 0
};
const connects = (low: number): Entry => ({ kind: 'connects', cursor: 0, low });
const event = (id: number, at: number): Entry => ({
	kind: 'event',
	topic: TOPIC,
	id,
	tag: `e${id}`,
	at
});
const events = (from: number, to: number, at: number) =>
	Array.from({ length: to - from + 1 }, (_, i) => event(from + i, at));

test('is the window of the moment when the server reads the request, however long it was under way', () => {
	expect(findings(asks, connects(5), ...events(28, 30, 30), ...events(31, HEAD, HEAD))).toEqual([]);
});

test('is computed anew for who comes again without a cursor, although something came before', () => {
	const told: Entry = { kind: 'subscribed', topic: TOPIC, at: 6 };
	const again = [connects(20), ...events(28, 30, 30), ...events(31, HEAD, HEAD)];
	expect(findings(asks, connects(5), told, ...again)).toEqual([]);
});

test('is followed by every event that comes after the first answer', () => {
	const holey = [...events(28, 30, 30), ...events(31, HEAD, HEAD)].filter(
		(entry) => entry.kind !== 'event' || entry.id !== 35
	);
	expect(findings(asks, connects(5), ...holey)).toEqual([
		expect.stringMatching(/^lost raw: desks.1.lines 35 at 40/),
		expect.stringMatching(/^cursor ahead raw: desks.1.lines 35 at 36/)
	]);
});
