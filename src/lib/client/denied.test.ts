import { describe, expect, it, vi } from 'vitest';
import {
	bring,
	deny,
	driven,
	driveEachTest,
	handled,
	lose,
	open,
	record,
	ROOM,
	ROOMS
} from '../../../tests/client/driven-client.ts';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';

interface Topics {
	news: unknown;
	'rooms/[room]/messages': unknown;
}

const OTHER = 'rooms/7/messages';

driveEachTest();
const connect = driven<Topics>({ [ROOMS]: record });

describe('a topic that the viewer may not see any more', () => {
	it('is told, and its history is handled again when the viewer may see it again', () => {
		const onDenied = vi.fn();
		const client = connect({ onDenied });
		open();
		bring().emit(ROOM, 3, {}).emit(ROOM, 5, {});
		deny(ROOM, 'revoked');
		expect(onDenied.mock.calls).toEqual([[{ topic: ROOM, reason: 'revoked' }]]);
		expect(client.topicCounters).toEqual({ [ROOM]: 2 });
		bring().emit(ROOM, 3, {}).emit(ROOM, 5, {}).emit(ROOM, 9, {});
		expect(handled.slice(2)).toEqual([`${ROOM}:3`, `${ROOM}:5`, `${ROOM}:9`]);
		client.close();
	});

	it('does not take the others along', () => {
		const client = connect();
		open();
		bring().emit(ROOM, 3, {});
		bring(OTHER).emit(OTHER, 4, {});
		deny(ROOM, 'revoked');
		expect(lose().topics).toEqual([`${ROOMS}@0`]);
		bring(OTHER).emit(OTHER, 4, {}).emit(OTHER, 8, {});
		expect(handled.slice(2)).toEqual([`${OTHER}:8`]);
		client.close();
	});

	it('stays requested when it is named, as a new subscription from its start', () => {
		const client = connect({ topics: { news: record, [ROOM]: record }, lastEventID: '40' });
		open().emit(ROOM, 41, {}).emit('news', 42, {});
		deny(ROOM, 'forbidden');
		expect(lose().topics).toEqual(['news@0:42', `${ROOM}@1`]);
		DrivenEventSource.last.emit(ROOM, 3, {}).emit(ROOM, 41, {});
		expect(handled.slice(2)).toEqual([`${ROOM}:3`, `${ROOM}:41`]);
		client.close();
	});

	it('has all its topics forgotten when it is a wildcard', () => {
		const client = connect();
		open();
		bring().emit(ROOM, 3, {});
		deny(ROOMS, 'forbidden');
		expect(lose().topics).toEqual([`${ROOMS}@1`]);
		bring().emit(ROOM, 3, {});
		expect(handled).toEqual([`${ROOM}:3`, `${ROOM}:3`]);
		client.close();
	});

	it('leaves the cursor alone, also while history below the cursor is sent', () => {
		const client = connect({ topics: { news: record, [ROOMS]: record } });
		open().emit('news', 90, {});
		bring().emit(ROOM, 3, {});
		deny(OTHER, 'revoked');
		bring(OTHER);
		expect(client.lastEventID).toBe('90');
		expect(lose().cursor).toBe('90');
		client.close();
	});
});

it('the id of an earlier block is not taken for one of "denied" or "subscribed"', () => {
	const client = connect({ lastEventID: '900' });
	open().emit('keep-alive', 900, {});
	// From here on, the next id replaces the cursor.
	DrivenEventSource.last.emit('gap', '', { topic: ROOM, after: '900', oldest: '2' });
	deny(OTHER, 'revoked');
	bring().emit(ROOM, 2, {});
	expect(client.lastEventID).toBe('2');
	client.close();
});

describe('a topic that a server does not carry for a while', () => {
	it('continues after the last handled event, though the cursor has moved on, when the server is of an older version', () => {
		const client = connect({ topics: { news: record, [ROOM]: record } });
		open().emit('news', 1, {}).emit('news', 2, {});
		deny('news', 'unknown').emit(ROOM, 9, {});
		const next = lose();
		expect(next.cursor).toBe('9');
		// The same subscription would continue after 9.
		expect(next.topics).toEqual(['news@1:2', `${ROOM}@0:9`]);
		next.emit('news', 2, {}).emit('news', 5, {});
		expect(handled.slice(3)).toEqual(['news:5']);
		client.close();
	});

	it('continues for each topic of a wildcard in the same way', () => {
		const client = connect({ topics: { news: record, [ROOMS]: record } });
		open();
		bring().emit(ROOM, 3, {});
		deny(ROOMS, 'unknown').emit('news', 9, {});
		expect(lose().topics).toEqual(['news@0:9', `${ROOMS}@1`]);
		bring().emit(ROOM, 3, {}).emit(ROOM, 5, {});
		expect(handled.slice(2)).toEqual([`${ROOM}:5`]);
		client.close();
	});

	it('is asked for from the start when a full stream has room for it again', () => {
		const client = connect({ topics: { news: record, [ROOMS]: record } });
		open();
		bring().emit(ROOM, 3, {});
		lose();
		deny(ROOM, 'too_many');
		deny(OTHER, 'too_many').emit('news', 9, {});
		expect(lose().topics).toEqual(['news@0:9', `${ROOMS}@0`]);
		// The server continues after 9, but event 5 was not sent.
		bring().emit(ROOM, 11, {});
		expect(DrivenEventSource.all).toHaveLength(4);
		expect(open().topics).toEqual(['news@0:9', `${ROOMS}@1`]);
		bring().emit(ROOM, 3, {}).emit(ROOM, 5, {}).emit(ROOM, 11, {});
		// That connection brought all of them from the start: it is not asked for again.
		bring(OTHER).emit(OTHER, 12, {});
		expect(handled.slice(2)).toEqual([`${ROOM}:5`, `${ROOM}:11`, `${OTHER}:12`]);
		expect(DrivenEventSource.all).toHaveLength(4);
		client.close();
	});
});

describe('a log that was replaced', () => {
	it('is told for a topic of a wildcard before the topic is brought', () => {
		const onGap = vi.fn();
		const client = connect({ onGap });
		open();
		bring().emit(ROOM, 900, {});
		const gap = { topic: ROOM, after: '900', oldest: '2' };
		lose().emit('gap', '', gap);
		bring().emit(ROOM, 2, {});
		expect(onGap).toHaveBeenCalledWith(gap);
		expect(handled).toEqual([`${ROOM}:900`, `${ROOM}:2`]);
		expect(client.lastEventID).toBe('2');
		client.close();
	});

	it('is told for a wildcard as a whole', () => {
		const client = connect();
		open();
		bring().emit(ROOM, 900, {});
		lose().emit('gap', '', { topic: ROOMS, after: '900', oldest: null });
		bring().emit(ROOM, 2, {});
		expect(handled).toEqual([`${ROOM}:900`, `${ROOM}:2`]);
		expect(client.lastEventID).toBe('2');
		client.close();
	});

	it('is noticed by its name when the wildcard brings nothing that could have a gap', () => {
		const client = connect();
		const caughtUp = (cursor: string, log: string) =>
			open().emit('caught-up', cursor, { topics: [], cursor, log });
		open();
		bring().emit(ROOM, 900, {});
		caughtUp('900', 'old');
		lose();
		caughtUp('4', 'new');
		expect(client.lastEventID).toBe('4');
		bring().emit(ROOM, 2, {}).emit(ROOM, 5, {});
		expect(handled).toEqual([`${ROOM}:900`, `${ROOM}:2`, `${ROOM}:5`]);
		expect(lose().query.get('log')).toBe('new');
		expect(DrivenEventSource.last.cursor).toBe('5');
		client.close();
	});
});

it.each([
	['no object', null],
	['no topic', { reason: 'revoked' }],
	['no reason', { topic: ROOM }],
	['a reason that nobody knows', { topic: ROOM, reason: 'toString' }]
])('a malformed "denied" is reported and changes nothing: %s', (_, data) => {
	const report = vi.spyOn(console, 'error').mockImplementation(() => {});
	const onDenied = vi.fn();
	const client = connect({ onDenied });
	open();
	bring().emit(ROOM, 3, {}).emit('denied', '', data).emit(ROOM, 3, {});
	expect(String(report.mock.calls[0]?.[0])).toContain('malformed "denied"');
	expect(onDenied).not.toHaveBeenCalled();
	expect(handled).toEqual([`${ROOM}:3`]);
	client.close();
});
