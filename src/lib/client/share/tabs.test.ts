import { describe, expect, it, vi } from 'vitest';
import { randomFrom } from '../../../../tests/client/random-run.ts';
import { browserFor } from './browser.ts';
import { TabsRun } from '../../../../tests/client/tabs-run.ts';
import { pass, twoTabs, useModelTime } from '../../../../tests/client/two-tabs.ts';

const RUNS = Number(process.env.LOGLINE_TABS_RUNS ?? 500);
/** The first seed, to repeat a run. */
const FIRST = Number(process.env.LOGLINE_TABS_SEED ?? 1);

useModelTime();

describe('tabs that share a connection', () => {
	it('each get every event exactly once, in order, whatever is opened, closed, frozen, crashed, toggled, cut and delayed, in 500 random runs', async () => {
		// An error of a handler is reported here.
		const report = vi.spyOn(console, 'error').mockImplementation(() => {});
		/** Streams at the end of runs whose tabs can all share one. A tab that could not join tries again with its next stream. */
		const ends: number[] = [];
		/** Blocks that a leader has told after another had taken its place. */
		let outdated = 0;
		for (let seed = FIRST; seed < FIRST + RUNS; seed++) {
			try {
				vi.setSystemTime(0);
				vi.spyOn(Math, 'random').mockImplementation(randomFrom(seed));
				// Names of leaders are random, too, and a seed must repeat its run.
				vi.spyOn(crypto, 'getRandomValues').mockImplementation((bytes) => {
					if (bytes instanceof Uint8Array)
						bytes.forEach((_, i) => (bytes[i] = Math.random() * 256));
					return bytes;
				});
				const run = new TabsRun(seed);
				for (let i = 0; i < 120; i++) {
					await run.step();
					await run.settled();
				}
				await run.end();
				for (const tab of run.tabs) expect(tab.run.received()).toEqual(tab.run.expected());
				for (const tab of run.tabs) expect(tab.run.shown()).toEqual(tab.run.there());
				const halls = run.tabs.flatMap((tab) => tab.run.halls);
				expect(run.present).toEqual([...new Set(halls)].sort());
				// In a crowded run, a stream has not always room for all that wildcards bring.
				if (run.isUniform && run.set !== 2) ends.push(run.connections);
				expect(report.mock.calls).toEqual([]);
				outdated += run.browser.outdated;
				await run.stop();
			} catch (cause) {
				throw new Error(`seed ${seed}`, { cause });
			}
		}
		expect(outdated).toBeGreaterThan(RUNS / 10);
		expect(ends.filter((n) => n > 1).length).toBeLessThanOrEqual(ends.length / 20);
	}, 600_000);

	it('are present wherever one of them is, in one stream, and know who else is; a tab that crashes leaves within seconds', async () => {
		const { run, leader, follower } = await twoTabs(0);
		leader.run.move(['halls/1']);
		follower.run.move(['halls/1', 'halls/2']);
		run.log.halls.toggle('halls/2', 'p1');
		await run.end();
		expect(run.connections).toBe(1);
		expect(run.present).toEqual(['halls/1', 'halls/2']);
		run.log.halls.toggle('halls/2', 'p2');
		run.log.halls.toggle('halls/1', 'p3');
		run.open();
		await run.end();
		run.tabs.at(-1)!.run.move(['halls/2']);
		await run.end();
		expect(run.connections).toBe(1);
		for (const tab of run.tabs) expect(tab.run.shown()).toEqual(tab.run.there());
		expect(follower.run.shown().get('halls/2')).toEqual(['p1', 'p2']);
		for (const tab of run.tabs.slice(1)) run.crash(tab);
		await vi.advanceTimersByTimeAsync(5_000);
		expect(run.present).toEqual(['halls/1']);
		await run.stop();
	});

	it('stay present nowhere in vain when the broadcast has a hole', async () => {
		const { run, leader, follower } = await twoTabs(0);
		leader.run.move([]);
		follower.run.move(['halls/1']);
		await run.end();
		expect(leader.run.source!.query.getAll('presence')).toEqual(['halls/1']);
		leader.run.source!.emit('gap', '', { topic: 'b', after: '0', oldest: null });
		await run.end();
		follower.run.move([]);
		await run.end();
		expect(run.present).toEqual([]);
		await run.stop();
	});

	it('that say different things about themselves keep a stream each', async () => {
		const { run, leader, follower } = await twoTabs(0);
		for (const { run: tab } of [leader, follower]) tab.move(['halls/1']);
		follower.run.client.updatePresence({ state: { status: 'away' } });
		await run.end();
		expect(run.connections).toBe(2);
		for (const tab of run.tabs) expect(tab.run.shown()).toEqual(tab.run.there());
		follower.run.client.updatePresence({ state: {} });
		await run.end();
		expect(run.connections).toBe(1);
		await run.stop();
	});

	it('share without being asked, but not with `share: false`', () => {
		const options = { eventSource: undefined };
		vi.stubGlobal('navigator', { locks: {} });
		vi.stubGlobal('BroadcastChannel', EventTarget);
		vi.stubGlobal('EventSource', EventTarget);
		vi.stubGlobal('location', { href: 'https://a.example/page', origin: 'https://a.example' });
		expect(browserFor('/api/events', options)).not.toBeNull();
		expect(browserFor('/api/events', { ...options, share: false })).toBeNull();
		expect(browserFor('https://b.example/api/events', options)).toBeNull();
	});

	it('are told at once that a room is closed to their user', async () => {
		const { run, leader, follower } = await twoTabs(1);
		run.log.grant('rooms/2/x');
		run.log.append('rooms/2/x');
		await pass(run, leader);
		expect(follower.run.received().get('rooms/2/x')).toEqual(
			leader.run.received().get('rooms/2/x')
		);
		expect(follower.run.received().get('rooms/2/x')).toHaveLength(1);
		run.log.revoke('rooms/2/x');
		await pass(run, leader);
		expect(follower.run.denials).toContain('revoked');
		expect(follower.run.received().get('rooms/2/x') ?? []).toEqual([]);
		await run.stop();
	});

	it('are carried all topics that any of them asks for, and see only their own', async () => {
		const { run, leader, follower } = await twoTabs(0);
		for (const name of ['a', 'b', 'c']) if (leader.run.seen.has(name)) leader.run.toggle(name);
		leader.run.toggle('a');
		if (!follower.run.seen.has('c')) follower.run.toggle('c');
		await run.end();
		expect(run.connections).toBe(1);
		run.log.append('a');
		run.log.append('c');
		await pass(
			run,
			run.tabs.find(({ page }) => page.sources.some(({ readyState }) => readyState === 1))!
		);
		for (const tab of run.tabs) expect(tab.run.received()).toEqual(tab.run.expected());
		expect([...leader.run.received().keys()]).toEqual(['a']);
		await run.stop();
	});

	it('are all signed out with the session', async () => {
		const { run, leader, follower } = await twoTabs(0);
		leader.run.source!.emit('signed-out', '', { reason: 'The session has ended.' });
		await pass(run, leader);
		for (const tab of [leader, follower]) {
			expect(tab.run.client.status).toBe('error');
			expect(tab.run.client.error?.message).toContain('Signed out');
		}
		await run.stop();
	});

	it('do not wait for a stream that has no cursor', async () => {
		const run = new TabsRun(1, 0);
		await run.settled();
		const [first, second] = run.tabs;
		first!.run.source!.open().emit('a', '', {});
		await run.settled();
		expect(second!.page.sources).toHaveLength(0);
		await vi.advanceTimersByTimeAsync(1000);
		expect(second!.page.sources).toHaveLength(1);
		await run.stop();
	});

	it('do not wait for a stream that does not open', async () => {
		const run = new TabsRun(1, 0);
		await run.settled();
		const [first, second] = run.tabs;
		expect(first!.run.source!.readyState).toBe(0);
		expect(second!.page.sources).toHaveLength(0);
		await vi.advanceTimersByTimeAsync(10_000);
		expect(first!.run.source!.readyState).toBe(0);
		expect(second!.page.sources).toHaveLength(1);
		await run.stop();
	});

	it('do not wait for ever for a tab that stands still while it catches up', async () => {
		const run = new TabsRun(1, 0);
		await run.settled();
		const [first, second] = run.tabs;
		expect(first!.page.sources).toHaveLength(1);
		first!.page.state = 'frozen';
		await vi.advanceTimersByTimeAsync(15_000);
		expect(second!.page.sources).toHaveLength(1);
		await run.stop();
	});

	it('come back at once even when the leader stands still while it learns that they were gone', async () => {
		const { run, leader, follower } = await twoTabs(0);
		for (const { run: tab } of [leader, follower]) tab.move(['halls/1']);
		await run.end();
		expect(run.connections).toBe(1);
		const [still, back] =
			leader.run.source?.readyState === 1 ? [leader, follower] : [follower, leader];
		still.page.state = 'frozen';
		back.run.client.close();
		await run.settled();
		const before = back.page.sources.length;
		back.run.client.connect();
		// It waits for the welcome of who does not answer.
		await vi.advanceTimersByTimeAsync(4_000);
		expect(back.page.sources).toHaveLength(before + 1);
		await run.stop();
	});

	it('keep only so much of a broadcast while they catch up, and then catch up again', async () => {
		for (const [blocks, streams] of [
			[3, 1],
			[5, 2]
		] as const) {
			const { run, leader } = await twoTabs(0);
			run.open();
			const third = run.tabs.at(-1)!;
			await run.settled();
			await pass(run, leader);
			await run.settled();
			expect(third.run.source!.readyState).toBe(0);
			const text = 'x'.repeat(1_000_000);
			for (let i = 0; i < blocks; i++)
				leader.run.source!.emit('presence', '', { scope: 'x', users: [], text });
			await pass(run, leader);
			await run.deliverAll();
			expect(run.connections).toBe(1);
			expect(third.page.sources).toHaveLength(streams);
			await run.stop();
		}
	});
});
