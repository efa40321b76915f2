import { describe, expect, it } from 'vitest';
import { TabsRun, type ModelTab } from '../../../../tests/client/tabs-run.ts';
import { pass, twoTabs, useModelTime } from '../../../../tests/client/two-tabs.ts';

useModelTime();

/** A tab that names the room leads, and one that has the wildcard follows. */
async function leaderNames(
	room: string
): Promise<{ run: TabsRun; names: ModelTab; brings: ModelTab }> {
	const { run, leader: names, follower: brings } = await twoTabs(1);
	if (names.run.source?.readyState !== 1) throw new Error('The first tab does not lead');
	names.run.toggle('rooms/*/x');
	names.run.toggle(room);
	await run.end();
	expect(run.connections).toBe(1);
	expect(names.run.source?.readyState).toBe(1);
	return { run, names, brings };
}

describe('tabs that share a connection', () => {
	it('share also when one names a room that wildcards of another bring, and each is told what its own names bring', async () => {
		const { run, leader, follower } = await twoTabs(1);
		for (const { run: tab } of [leader, follower]) tab.toggle('a');
		run.log.grant('rooms/1/x');
		run.log.grant('rooms/2/x');
		// In both directions: who names the room leads, or follows.
		for (const one of [leader, follower]) {
			for (const { run: tab } of run.tabs) {
				for (const name of [...tab.seen.keys()]) tab.toggle(name);
				tab.toggle(tab === one.run ? 'rooms/1/x' : 'rooms/*/x');
			}
			await run.end();
			expect(run.connections).toBe(1);
			const streams = () => run.tabs.map(({ page }) => page.sources.length);
			const before = streams();
			for (const room of ['rooms/1/x', 'rooms/2/x']) run.log.append(room);
			await run.end();
			for (const tab of run.tabs) expect(tab.run.received()).toEqual(tab.run.expected());
			expect(streams(), 'nobody needs a stream of its own').toEqual(before);
		}
		await run.stop();
	});

	it('are not told that a room is forbidden for which only another one asked', async () => {
		const { run, names, brings } = await leaderNames('rooms/3/x');
		names.run.denials.clear();
		brings.run.denials.clear();
		names.run.client.updatePresence({ scopes: [] });
		await run.end();
		expect([...names.run.denials]).toEqual(['forbidden']);
		expect([...brings.run.denials]).toEqual([]);
		await run.stop();
	});

	it('are all told that a room has ended, also when nothing was said in it', async () => {
		const { run, names, brings } = await leaderNames('rooms/3/x');
		run.log.grant('rooms/3/x');
		await pass(run, names);
		// What the server sends: a topic that is named is not announced.
		names.run.source!.emit('ended', '', { topic: 'rooms/3/x' });
		await pass(run, names);
		expect([names.run.ends, brings.run.ends]).toEqual([['rooms/3/x'], ['rooms/3/x']]);
		await run.stop();
	});

	it('are not shown a room that the leader had got, and that was closed while they caught up', async () => {
		const { run, names } = await leaderNames('rooms/3/x');
		run.open();
		const brings = run.tabs.at(-1)!;
		// It has asked where the leader is, and waits for its own stream.
		for (let i = 0; i < 50 && brings.page.sources.length === 0; i++) {
			run.browser.deliver(run.pick);
			await run.settled();
		}
		expect(brings.run.source?.readyState).toBe(0);
		run.log.grant('rooms/3/x');
		run.log.append('rooms/3/x');
		await pass(run, names);
		expect(names.run.seen.get('rooms/3/x')!.size).toBe(1);
		run.log.revoke('rooms/3/x');
		// Only its own stream has come to the revoke. What the leader has told is older.
		run.serve(brings);
		brings.run.server.deliver(Infinity);
		await run.settled();
		await run.end();
		for (const tab of run.tabs) expect(tab.run.received()).toEqual(tab.run.expected());
		await run.stop();
	});

	it('do not rely on a stream that had no room for a topic before it began to lead', async () => {
		const run = new TabsRun(1, 1);
		const [one, two] = run.tabs;
		run.close(two!);
		await run.settled();
		for (const room of ['rooms/1/x', 'rooms/2/x']) {
			run.log.grant(room);
			run.log.append(room);
		}
		one!.run.server.whims.places = 1;
		await run.deliverAll();
		expect([...one!.run.denials]).toEqual(['too_many']);
		run.open();
		await run.deliverAll();
		const other = run.tabs.at(-1)!;
		for (const room of ['rooms/1/x', 'rooms/2/x']) run.log.append(room);
		await run.deliverAll();
		expect(other.run.received()).toEqual(other.run.expected());
		expect(run.connections).toBe(2);

		// Now there is room, and the leader begins another stream.
		one!.run.server.whims.places = Infinity;
		one!.run.move(['halls/1']);
		await run.deliverAll();
		run.open();
		await run.deliverAll();
		expect(run.tabs.at(-1)!.page.sources.map(({ readyState }) => readyState)).toEqual([2]);
		await run.stop();
	});

	it('each get the whole history of a room by a wildcard that they ask for anew, whatever others ask for', async () => {
		const { run, leader, follower } = await twoTabs(1);
		run.log.grant('rooms/1/x');
		run.log.append('rooms/1/x');
		follower.run.toggle('rooms/*/x');
		follower.run.toggle('rooms/1/*');
		leader.run.toggle('rooms/*/x');
		await run.end();
		expect(run.connections).toBe(1);
		leader.run.toggle('rooms/*/x');
		await run.end();
		expect(leader.run.source!.topics.map((topic) => topic.split('@')[0])).toEqual([
			'a',
			'rooms/*/x',
			'rooms/1/*'
		]);
		for (const tab of run.tabs) expect(tab.run.received()).toEqual(tab.run.expected());
		await run.stop();
	});
});
