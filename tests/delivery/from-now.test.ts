/** `lastEventID=now`: a client that wants nothing of before. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openScene, type Scene } from '../support/scene.ts';

let scene: Scene;
beforeEach(async () => {
	scene = await openScene();
});
afterEach(() => scene.close());

describe('a client that begins now', () => {
	test('gets nothing of before, everything after, and what it missed when it comes back', async () => {
		await scene.insert('a', 'old 1', 'old 2');
		const first = scene.open('topics=a&client=x&lastEventID=now');
		await first.caughtUp();
		await scene.insert('a', 'new 1');
		await first.arrived('a');
		expect(first.data('a')).toEqual(['new 1']);
		const lastEventID = first.of('a')[0]!.id;
		first.close();
		await scene.insert('a', 'new 2');
		// A browser keeps the address.
		const again = scene.open('topics=a&client=x&lastEventID=now', { lastEventID });
		await again.caughtUp();
		expect(again.data('a')).toEqual(['new 2']);
	});

	test('gets no history of a topic that it adds by the same words', async () => {
		await scene.insert('a', 'a of before');
		await scene.insert('b', 'b of before');
		const first = scene.open('topics=a&client=x');
		await first.caughtUp();
		expect(first.data('a')).toEqual(['a of before']);
		first.close();
		const second = scene.open('topics=a&topics=b&client=x&lastEventID=now');
		await second.caughtUp();
		await scene.insert('b', 'b of after');
		await second.arrived('b');
		expect([second.data('a'), second.data('b')]).toEqual([[], ['b of after']]);
	});

	test('gets no history by a wildcard, and that of a room that it joins later', async () => {
		await scene.server.app.logline.grant('rooms/1', scene.user.id);
		await scene.insert('rooms/1/messages', 'before');
		await scene.insert('rooms/2/messages', 'in the other room');
		const client = scene.open('topics=rooms/*/messages&client=x&lastEventID=now');
		await client.caughtUp();
		await scene.insert('rooms/1/messages', 'after');
		await client.arrived('rooms/1/messages');
		expect(client.data('rooms/1/messages')).toEqual(['after']);
		await scene.server.app.logline.grant('rooms/2', scene.user.id);
		await client.arrived('rooms/2/messages');
		expect(client.data('rooms/2/messages')).toEqual(['in the other room']);
	});

	test('is one without a name, too', async () => {
		await scene.insert('a', 'old');
		const client = scene.open('topics=a&lastEventID=now');
		await client.caughtUp();
		await scene.insert('a', 'new');
		await client.arrived('a');
		expect(client.data('a')).toEqual(['new']);
	});
});
