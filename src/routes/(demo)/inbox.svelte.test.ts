import { afterEach, describe, expect, it } from 'vitest';
import type { EventsContext } from './events.context.svelte.ts';
import { caughtUp, endPages, entry, start } from './started-page.ts';

afterEach(endPages);

const marker = (id: number, unread = 0) => ({ topic: 'notifications', id: String(id), unread });
const note = (text: string) => ({ ...entry(text), type: 'info' });
const noteEvent = (id: number) => ({
	id: String(id),
	topic: 'notifications',
	data: note(`n${id}`)
});
const shown = (events: EventsContext) => events.inbox.shown.map(({ message }) => message);

describe('the inbox', () => {
	const two = {
		events: [noteEvent(1), noteEvent(2)],
		cursor: '2',
		readMarkers: { notifications: marker(1, 1) }
	};

	it('has its unread count before anything has come by the stream', () => {
		const { events, notices } = start(two);
		expect(events.inbox.unread).toBe(1);
		expect(events.inbox.shown.map((one) => events.inbox.isUnread(one))).toEqual([true, false]);
		expect(notices, 'what the server has rendered is no news').toEqual([]);
	});

	it('counts what comes, and is read when any device has read it', () => {
		const { events, source, notices } = start(two);
		source().emit('notifications', 3, note('n3'));
		expect(events.inbox.unread).toBe(2);
		expect(notices).toEqual([{ tone: 'news', text: 'n3' }]);
		source().emit('read', 0, marker(3));
		expect(events.inbox.unread).toBe(0);
		source().emit('read', 0, marker(2, 1));
		expect(events.inbox.unread, 'a marker that comes late changes nothing').toBe(0);
	});

	it('is cleared when the log says so, on every device, and filled again when it is undone', async () => {
		const { events, server, source, notices } = start(two);
		const clearing = events.inbox.clear();
		await server.answerNext(Response.json({ success: true }));
		await clearing;
		expect(server.requests).toEqual([{ clearedUpTo: '2' }]);
		expect(shown(events), 'not before the event is there').toEqual(['n2', 'n1']);
		source().emit('inbox', 3, { clearedUpTo: '2' });
		expect([shown(events), events.inbox.unread]).toEqual([[], 0]);
		const [notice] = notices;
		const undoing = notice!.undo!();
		await server.answerNext(Response.json({ success: true }));
		await undoing;
		expect(server.requests[1]).toEqual({ clearedUpTo: '0' });
		source().emit('inbox', 4, { clearedUpTo: '0' });
		expect([shown(events), events.inbox.unread]).toEqual([['n2', 'n1'], 1]);
	});

	it('tells who clears when that was not saved', async () => {
		const { events, server, notices } = start(two);
		const clearing = events.inbox.clear();
		await server.answerNext(new TypeError('Failed to fetch'));
		await clearing;
		expect(notices).toEqual([{ tone: 'problem', text: 'That was not saved. Try again.' }]);
		expect(shown(events)).toEqual(['n2', 'n1']);
	});

	it('stays cleared and silent when the topic is turned off and on', () => {
		const { events, source, notices } = start({
			...two,
			events: [...two.events, { id: '3', topic: 'inbox', data: { clearedUpTo: '1' } }],
			cursor: '3'
		});
		events.toggleTopic('notifications');
		events.toggleTopic('notifications');
		source().emit('notifications', 1, note('n1'));
		source().emit('notifications', 2, note('n2'));
		source().emit('caught-up', 3, caughtUp(3));
		expect(shown(events)).toEqual(['n2']);
		expect(notices).toEqual([]);
	});
});
