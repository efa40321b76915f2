import { beforeEach, describe, expect, it } from 'vitest';
import { ServedTabs } from '../../../../tests/client/served-tabs.ts';
import { useModelTime } from '../../../../tests/client/two-tabs.ts';

const ALL = 'rooms/*/x';
const ROOM = 'rooms/1/x';

useModelTime();
let run: ServedTabs;
beforeEach(() => {
	run = new ServedTabs();
});

describe('the read marker of a topic', () => {
	it('is as its own stream tells it to a tab, though the leader knows one that was counted before', async () => {
		const leader = run.open(['a']);
		await run.serve(leader, 10, () => leader.say('read', '', { topic: 'a', id: '5', unread: 3 }));
		const other = run.open(['a'], { lastEventID: '20' });
		await run.serve(other, 20);
		expect(other.isFollowing, 'its own stream has not told it yet').toBe(false);
		other.say('read', '', { topic: 'a', id: '5', unread: 13 });
		await run.settle();
		expect(other.isFollowing).toBe(true);
		expect(other.client.readMarkers.a).toEqual({ topic: 'a', id: '5', unread: 13 });
	});

	it('is not waited for longer than until the next keep-alive: it may be gone', async () => {
		const leader = run.open(['a']);
		await run.serve(leader, 10, () => leader.say('read', '', { topic: 'a', id: '5', unread: 3 }));
		const other = run.open(['a']);
		await run.serve(other, 10);
		other.say('keep-alive', 10);
		await run.settle();
		expect(other.isFollowing).toBe(true);
		expect(other.client.readMarkers).toEqual({});
	});

	it('does not come back after the room was closed, by a leader that has not heard of it', async () => {
		const leader = run.open(['a', ALL]);
		await run.serve(leader, 10, () => {
			leader.say('subscribed', '', { topic: ROOM, pattern: ALL });
			leader.say('read', '', { topic: ROOM, id: '5', unread: 3 });
		});
		const other = run.open(['a', ALL]);
		await run.serve(other, 11, () => other.say('denied', '', { topic: ROOM, reason: 'revoked' }));
		expect(other.isFollowing).toBe(true);
		leader.say('read', '', { topic: ROOM, id: '6', unread: 2 });
		await run.settle();
		expect(other.client.readMarkers).toEqual({});
	});
});

describe('a name that is a topic and a scope', () => {
	it('is not denied as a topic because another tab may not be present there', async () => {
		const leader = run.open(['a', 'rooms/1']);
		await run.serve(leader, 10);
		const other = run.open(['rooms/1']);
		await run.serve(other, 10);
		leader.client.updatePresence({ scopes: ['rooms/1'] });
		await run.settle();
		leader.source.open();
		leader.say('denied', '', { topic: 'rooms/1', reason: 'forbidden' });
		await run.settle();
		expect(other.denied).toEqual([]);
		expect(other.isFollowing).toBe(false);
	});

	it('is not denied as a scope because another tab has no room for the topic', async () => {
		const leader = run.open(['a', 'rooms/*'], { presence: ['rooms/1'] });
		await run.serve(leader, 10);
		const other = run.open(['a'], { presence: ['rooms/1'] });
		await run.serve(other, 10);
		expect(other.isFollowing).toBe(false);
	});
});

describe('a topic that several names could stand for', () => {
	it('goes to the wildcard that brings it, as the server says', async () => {
		const tab = run.open(['rooms/1/*', ALL]);
		await run.serve(tab, 10, () => {
			tab.say('subscribed', '', { topic: ROOM, pattern: ALL });
			tab.say(ROOM, 3);
		});
		expect(tab.events).toEqual([[ALL, ROOM, '3']]);
	});

	it('goes to no wildcard that was denied, when another tab names it', async () => {
		const leader = run.open(['a', ROOM]);
		await run.serve(leader, 10);
		const other = run.open(['rooms/1/*', ALL]);
		await run.serve(other, 10, () =>
			other.say('denied', '', { topic: 'rooms/1/*', reason: 'forbidden' })
		);
		await run.serve(leader, 10);
		await run.settle();
		leader.say(ROOM, 11);
		await run.settle();
		expect(other.events.map(([name]) => name)).not.toContain('rooms/1/*');
	});
});

it('a signal arrives once, also when it came to the leader and to the tab itself', async () => {
	const leader = run.open(['a', 'typing']);
	await run.serve(leader, 20, undefined, { signals: ['typing'] });
	const other = run.open(['a', 'typing']);
	// Its own server is behind that of the leader, and live.
	await run.serve(other, 15, undefined, { signals: ['typing'] });
	expect(other.isFollowing).toBe(false);
	const signal = { data: {}, from: { id: 'p', name: 'p' }, ttl: 5000, key: '' };
	for (const tab of [leader, other]) tab.say('typing', '', signal);
	await run.settle();
	other.say('a', 21);
	await run.settle();
	expect(other.isFollowing).toBe(true);
	expect(other.ids('typing')).toHaveLength(1);
	leader.say('typing', '', signal);
	await run.settle();
	expect(other.ids('typing')).toHaveLength(2);
});

it('a leader is caught up with its own topics and signals', async () => {
	const told: unknown[] = [];
	const leader = run.open(['a'], { onCaughtUp: (info) => told.push(info) });
	await run.serve(leader, 10, undefined, { topics: ['a'] });
	run.open(['typing']);
	await run.serve(leader, 10, undefined, { topics: ['a'], signals: ['typing'] });
	expect(leader.asks).toEqual(['a', 'typing']);
	expect(told.at(-1)).toEqual({ topics: ['a'], cursor: '10', log: 'L', user: 'u' });
});
