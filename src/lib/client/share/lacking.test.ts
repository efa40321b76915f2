import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ServedTabs } from '../../../../tests/client/served-tabs.ts';
import { useModelTime } from '../../../../tests/client/two-tabs.ts';

const ALL = 'rooms/*/x';
const ROOM = 'rooms/1/x';

useModelTime();
let run: ServedTabs;
beforeEach(() => {
	run = new ServedTabs();
});

describe('a tab that names a room which the leader asked for by a wildcard', () => {
	it('keeps its own stream when the server forbids the wildcard', async () => {
		const leader = run.open(['a', ALL]);
		await run.serve(leader, 10, () =>
			leader.say('denied', '', { topic: ALL, reason: 'forbidden' })
		);
		const other = run.open([ROOM]);
		await run.serve(other, 10, undefined, { topics: [ROOM] });
		expect(other.isFollowing).toBe(false);
		other.say(ROOM, 11);
		leader.say('a', 12);
		await run.settle();
		expect(other.ids(ROOM)).toEqual(['11']);
	});

	it.each(['unknown', 'forbidden'])(
		'asks for its own stream when the wildcard is %s to the next server of the leader',
		async (reason) => {
			const leader = run.open(['a', ALL]);
			await run.serve(leader, 10, () =>
				leader.say('subscribed', '', { topic: ROOM, pattern: ALL })
			);
			const other = run.open([ROOM]);
			await run.serve(other, 10, undefined, { topics: [ROOM] });
			expect(other.isFollowing).toBe(true);
			leader.say(ROOM, 11);
			leader.client.updateTopics({ addTopics: ['b'] });
			await run.serve(leader, 11, () => leader.say('denied', '', { topic: ALL, reason }));
			await vi.advanceTimersByTimeAsync(5000);
			await run.settle();
			expect(other.isFollowing).toBe(false);
			expect(other.source.cursor).toBe('11');
			expect(other.ids(ROOM)).toEqual(['11']);
		}
	);

	it.each([
		['before', 'rooms/0/x'],
		['after', 'rooms/9/x']
	])(
		'asks for its own stream when the wildcard has too many, also when a room %s it is told',
		async (_, full) => {
			const leader = run.open(['a', ALL]);
			await run.serve(leader, 10);
			const other = run.open([ROOM]);
			await run.serve(other, 10, undefined, { topics: [ROOM] });
			expect(other.isFollowing).toBe(true);
			// The server tells of one room that it has no place for it, and not of those behind.
			leader.say('denied', '', { topic: full, reason: 'too_many' });
			await run.settle();
			expect(other.isFollowing).toBe(false);
			expect(other.denied).toEqual([]);
			const later = run.open([ROOM]);
			await run.serve(other, 10, undefined, { topics: [ROOM] });
			await run.serve(later, 10, undefined, { topics: [ROOM] });
			expect([other.isFollowing, later.isFollowing]).toEqual([false, false]);
		}
	);

	it('is carried by its name when no parameter can have what stands in the place of the asterisk', async () => {
		const dotted = 'rooms/v1.2/x';
		const leader = run.open(['a', ALL]);
		await run.serve(leader, 10);
		const other = run.open([dotted]);
		await run.serve(other, 10, undefined, { topics: [dotted] });
		expect(leader.asks).toEqual(['a', ALL, dotted]);
	});
});

it('a leader whose wildcard has too many because of names of other tabs asks for its own alone', async () => {
	const leader = run.open([ALL]);
	await run.serve(leader, 10);
	const other = run.open(['a', 'b']);
	await run.serve(other, 10);
	await run.settle();
	expect(leader.asks).toEqual([ALL, 'a', 'b']);
	await run.settle();
	leader.source.open();
	leader.say('denied', '', { topic: 'rooms/999/x', reason: 'too_many' });
	await run.settle();
	expect(leader.asks).toEqual([ALL]);
	expect(leader.denied).toEqual([]);
	await run.serve(leader, 10);
	/** Whoever says what it needs makes the leader ask for all of it, if it is time for that. */
	const hello = async (name: string) => {
		other.client.updateTopics({ addTopics: [name] });
		await run.serve(other, 10);
	};
	await hello('c');
	expect(leader.asks).toEqual([ALL]);
	await vi.advanceTimersByTimeAsync(10_000);
	await hello('d');
	expect(leader.asks).toEqual([ALL, 'a', 'b', 'c', 'd']);
	leader.source.open();
	leader.say('denied', '', { topic: 'rooms/999/x', reason: 'too_many' });
	await run.serve(leader, 10);
	// The second time in a row it is twice as long.
	await vi.advanceTimersByTimeAsync(15_000);
	await hello('e');
	expect(leader.asks).toEqual([ALL]);
});
