import { describe, expect, it, vi } from 'vitest';
import type { TabsRun } from '../../../../tests/client/tabs-run.ts';
import { pass, twoTabs, useModelTime } from '../../../../tests/client/two-tabs.ts';

useModelTime();

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
