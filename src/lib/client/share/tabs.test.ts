import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { randomFrom } from '../../../../tests/client/random-run.ts';
import { TabsRun, type ModelTab } from '../../../../tests/client/tabs-run.ts';

const RUNS = Number(process.env.LOGLINE_TABS_RUNS ?? 500);
/** The first seed, to repeat a run. */
const FIRST = Number(process.env.LOGLINE_TABS_SEED ?? 1);

beforeEach(() => {
	vi.useFakeTimers();
});
afterEach(() => {
	vi.useRealTimers();
	vi.restoreAllMocks();
	vi.unstubAllGlobals();
});

/** Begins a run with two tabs: the first leads, the second follows. */
async function twoTabs(
	set: number
): Promise<{ run: TabsRun; leader: ModelTab; follower: ModelTab }> {
	vi.setSystemTime(0);
	const run = new TabsRun(1, set);
	await run.end();
	expect(run.connections).toBe(1);
	const [leader, follower] = run.tabs;
	return { run, leader: leader!, follower: follower! };
}

/** What the leader's stream owes arrives at all tabs. No other request is served. */
async function pass(run: TabsRun, leader: ModelTab): Promise<void> {
	leader.run.server.deliver(Infinity);
	while (run.browser.sent.length > 0) run.browser.deliver(run.pick);
	await Promise.resolve();
}

/**
 * Begins a run with two tabs that need different topics, and have told each other. The leader has just asked the server for
 * both.
 */
async function twoTabsApart(): ReturnType<typeof twoTabs> {
	const { run, ...tabs } = await twoTabs(0);
	// The other leads now, and this one has said what it needs.
	tabs.leader.run.source!.fail();
	await run.end();
	const [leader, follower] = [tabs.follower, tabs.leader];
	expect(leader.run.source!.readyState).toBe(1);
	for (const name of ['a', 'b']) follower.run.toggle(name);
	await run.end();
	for (const name of ['b', 'c']) leader.run.toggle(name);
	expect(leader.run.source!.topics).toHaveLength(2);
	return { run, leader, follower };
}

/** The server accepts some streams, and refuses others. */
function answer(run: TabsRun, accepts: (topics: readonly string[]) => boolean) {
	const serve = run.serve.bind(run);
	return vi.spyOn(run, 'serve').mockImplementation((tab) => {
		const { source } = tab.run;
		if (source?.readyState === 0 && !accepts(source.topics)) source.fail(2);
		else serve(tab);
	});
}

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
				const run = new TabsRun(seed);
				for (let i = 0; i < 120; i++) {
					await run.step();
					await run.settled();
				}
				await run.end();
				for (const tab of run.tabs) expect(tab.run.received()).toEqual(tab.run.expected());
				if (run.set < 2) ends.push(run.connections);
				expect(report.mock.calls).toEqual([]);
				outdated += run.browser.outdated;
				await run.stop();
			} catch (cause) {
				throw new Error(`seed ${seed}`, { cause });
			}
		}
		expect(outdated).toBeGreaterThan(RUNS / 5);
		expect(ends.filter((n) => n > 1).length).toBeLessThanOrEqual(ends.length / 20);
	}, 600_000);

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

	it.each([
		['later than the other', 5000, true],
		['in the same millisecond, as the clock was set back', 0, false],
		['earlier, as the clock was set back', -5000, false]
	])(
		'believe only the leader that they follow when a tab that stood still goes on and tells what it had: it began %s',
		async (_, later, isCalm) => {
			vi.setSystemTime(1_000_000);
			const run = new TabsRun(1, 0);
			const old = run.tabs[0]!;
			run.close(run.tabs[1]!);
			// It carries less than the next leader, so it would skip an event of the others.
			for (const name of ['b', 'c']) old.run.toggle(name);
			await run.deliverAll();
			const began = Date.now();
			old.page.state = 'frozen';

			run.open();
			await run.settled();
			// The old leader has not welcomed it.
			await vi.advanceTimersByTimeAsync(4000);
			vi.setSystemTime(began + later);
			await run.deliverAll();
			run.open();
			await run.deliverAll();
			const [, next, follower] = run.tabs;
			const streams = () => [next!, follower!].map(({ page }) => page.sources.length);
			const before = streams();
			expect(follower!.run.source!.readyState).toBe(2);

			run.log.append('b');
			run.log.append('a');
			old.run.server.deliver(Infinity);
			old.page.wake();
			// It does not know yet that it has lost the lock.
			old.page.receive((n) => n - 1);
			expect(run.browser.outdated).toBe(1);
			await pass(run, old);
			await pass(run, next!);
			if (isCalm) {
				for (const tab of run.tabs) expect(tab.run.received()).toEqual(tab.run.expected());
				expect(streams()).toEqual(before);
			}
			await run.end();
			for (const tab of run.tabs) expect(tab.run.received()).toEqual(tab.run.expected());
			expect(run.connections).toBe(1);
			await run.stop();
		}
	);

	it('share a stream of at most 32 names; a tab whose names do not fit keeps a stream of its own, and all get every event', async () => {
		const { run } = await twoTabs(0);
		run.open();
		await run.end();
		// The first and the last fit into one stream.
		const wanted = [20, 20, 12].map((n, tab) =>
			Array.from({ length: n }, (_, i) => `t${tab}.${i}`)
		);
		for (const [i, { run: one }] of run.tabs.entries()) {
			for (const name of wanted[i]!) one.toggle(name);
			for (const name of ['a', 'b', 'c']) if (one.seen.has(name)) one.toggle(name);
		}
		await run.end();
		for (const name of wanted.flat()) run.log.append(name);
		await run.end();
		expect(run.connections).toBe(2);
		for (const tab of run.tabs) expect(tab.run.received()).toEqual(tab.run.expected());
		const sources = () => run.tabs.flatMap(({ page }) => page.sources);
		expect(Math.max(...sources().map(({ topics }) => topics.length))).toBe(32);
		const count = sources().length;
		await run.end();
		expect(sources(), 'nobody tries again and again').toHaveLength(count);
		await run.stop();
	});

	it('each go on with their own names at once when the server refuses those of others, and ask for both ever more seldom', async () => {
		const { run, leader } = await twoTabsApart();
		let refusals = 0;
		answer(run, (topics) => topics.length < 2 || (refusals++, false));
		run.serve(leader);
		await run.settled();
		expect(refusals).toBe(1);
		expect(leader.run.client.status).toBe('connecting');
		const began = Date.now();
		run.log.append('a');
		run.log.append('c');
		await run.deliverAll();
		for (const tab of run.tabs) expect(tab.run.received()).toEqual(tab.run.expected());
		expect(run.connections).toBe(2);
		// At most one has waited for the welcome of the other, who was refused meanwhile.
		expect(Date.now() - began).toBeLessThan(8_000);
		for (let i = 0; Date.now() < began + 600_000; i++) {
			run.tabs[i % 2]!.run.source!.fail();
			vi.advanceTimersByTime(5_000);
			await run.deliverAll();
		}
		// Each of the two at first, and after 10, 20, 40, 80 and 160 s.
		expect(refusals).toBeGreaterThan(2);
		expect(refusals).toBeLessThanOrEqual(12);
		await run.stop();
	});

	it('share again at once when a server that refused everything has been replaced', async () => {
		const { run, leader, follower } = await twoTabsApart();
		const served = answer(run, () => false);
		for (let i = 0; i < 12; i++) {
			for (const tab of [leader, follower]) run.serve(tab);
			await pass(run, leader);
			await vi.advanceTimersByTimeAsync(1_000);
		}
		for (const tab of [leader, follower]) expect(tab.run.client.error).not.toBeNull();
		served.mockRestore();
		await run.end();
		expect(run.connections).toBe(1);
		await run.stop();
	});
});
