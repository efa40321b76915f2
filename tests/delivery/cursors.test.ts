/** The cursor that a client brings: from a page, from a library, from another log. */
import { afterEach, expect, test } from 'vitest';
import { readState } from '../support/app-server.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

let scene: Scene;
afterEach(() => scene.close());

test('a page that was rendered at a position gets what came after it, and nothing before', async () => {
	scene = await openScene();
	await scene.insert('a', 1, 2);
	const { app } = scene.server;
	await until(() => app.health().head === '2');
	const rendered = await readState(app, scene.user, ['a', 'b']);
	expect(rendered.events.map((event) => event.data)).toEqual([1, 2]);
	await scene.insert('b', 3);
	await scene.insert('a', 4);
	const client = scene.open('topics=a&topics=b&client=page', { lastEventID: rendered.cursor });
	await client.caughtUp();
	expect(client.data('a', 'b')).toEqual([3, 4]);
});

test('a cursor is read as client libraries spell it, and what they add wins over what the page began with', async () => {
	scene = await openScene();
	await scene.insert('a', 1, 2, 3, 4);
	const ways: [query: string, header: string | undefined, missed: number[]][] = [
		['lastEventId=2', undefined, [3, 4]],
		['lastEventID=2', undefined, [3, 4]],
		// The page began at 1. Its library has a later cursor and appends it.
		['lastEventID=1&lastEventId=3', undefined, [4]],
		['lastEventID=1&lastEventId=2', '3', [4]],
		// The cursor of the page, followed by the one that the library appends: as parameters, and as headers with one name.
		['lastEventId=1&lastEventId=3', undefined, [4]],
		['lastEventID=1&lastEventID=3', undefined, [4]],
		['', '1, 3', [4]],
		['', '1, ', [2, 3, 4]]
	];
	for (const [query, lastEventID, missed] of ways) {
		const client = scene.open(`topics=a&client=x&${query}`, { lastEventID });
		await client.caughtUp();
		expect(client.data('a')).toEqual(missed);
		client.close();
	}
});

test('a cursor that this log never issued is told, and everything is sent', async () => {
	scene = await openScene();
	await scene.insert('a', 1, 2, 3);
	const client = scene.open('topics=a', { lastEventID: '999' });
	await client.caughtUp();
	expect(client.of('gap').map((event) => event.data)).toEqual([
		{ topic: 'a', after: '999', oldest: '1' }
	]);
	expect(client.data('a')).toEqual([1, 2, 3]);
	expect(client.cursor).toBe('3');
});
