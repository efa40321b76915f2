import { afterEach, expect, it } from 'vitest';
import { DrivenEventSource } from '../../../../../tests/client/driven-event-source.ts';
import { LiveRooms } from './live-rooms.svelte.ts';

const open: LiveRooms[] = [];
afterEach(() => {
	for (const { stream } of open.splice(0)) stream.close();
});

type Scope = `rooms/${string}`;

/** The page of somebody who is in these rooms, the newest first. */
function start(...scopes: Scope[]): LiveRooms {
	DrivenEventSource.all = [];
	const rooms = scopes.map((scope) => ({ scope, name: scope, members: ['ann'], lines: [] }));
	const live = new LiveRooms(
		{ rooms, named: [], events: [], readMarkers: {}, cursor: '10', log: 'a-log', userID: 'a' },
		{ eventSource: DrivenEventSource }
	);
	open.push(live);
	DrivenEventSource.last.open();
	return live;
}

let nextID = 11;
function bring(scope: Scope): void {
	const topic = `${scope}/messages`;
	const user = { id: 'b', name: 'bob' };
	const timestamp = '2030-01-02T03:04:05.000Z';
	const data = { room: scope, user, timestamp, type: 'joined', members: ['ann', 'bob'] };
	const source = DrivenEventSource.last;
	source.emit('subscribed', '', { topic, pattern: 'rooms/*/messages' });
	source.emit(topic, nextID++, data);
}
const lose = (scope: Scope) =>
	DrivenEventSource.last.emit('denied', '', { topic: `${scope}/messages`, reason: 'revoked' });

const shown = (live: LiveRooms, wanted: string | null = null) => live.shown(wanted)?.scope ?? null;

it('an invitation that comes first in the list does not take the place of the room one writes in', () => {
	const live = start('rooms/b', 'rooms/a');
	expect(shown(live)).toBe('rooms/b');
	bring('rooms/c');
	expect(live.rooms.map(({ scope }) => scope)).toEqual(['rooms/c', 'rooms/b', 'rooms/a']);
	expect(shown(live)).toBe('rooms/b');
	expect(live.shown(null)!.lines).toHaveLength(0);
	bring('rooms/b');
	expect(live.shown(null)!.lines).toHaveLength(1);
});

it('the first room that somebody is let into is shown, and stays', () => {
	const live = start();
	expect(shown(live)).toBe(null);
	bring('rooms/a');
	bring('rooms/b');
	expect(shown(live)).toBe('rooms/a');
});

it('when the room that is shown goes, the newest one takes its place', () => {
	const live = start('rooms/b', 'rooms/a');
	bring('rooms/c');
	lose('rooms/b');
	expect(shown(live)).toBe('rooms/c');
	lose('rooms/c');
	lose('rooms/a');
	expect(shown(live)).toBe(null);
});

it('what the reader has chosen is shown, and nothing instead of it once it is gone', () => {
	const live = start('rooms/b', 'rooms/a');
	expect(shown(live, 'rooms/a')).toBe('rooms/a');
	bring('rooms/c');
	expect(shown(live, 'rooms/a')).toBe('rooms/a');
	lose('rooms/a');
	expect(shown(live, 'rooms/a')).toBe(null);
	expect(shown(live), 'without a choice').toBe('rooms/b');
});
