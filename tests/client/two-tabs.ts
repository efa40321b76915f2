import { afterEach, beforeEach, expect, vi } from 'vitest';
import { TabsRun, type ModelTab } from './tabs-run.ts';

/** In the test file that calls it, time passes only when a test says so, and no test leaves its model of a browser behind. */
export function useModelTime(): void {
	beforeEach(() => {
		vi.useFakeTimers();
	});
	afterEach(() => {
		vi.useRealTimers();
		vi.restoreAllMocks();
		vi.unstubAllGlobals();
	});
}

/** Begins a run with two tabs: the first leads, the second follows. */
export async function twoTabs(
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
export async function pass(run: TabsRun, leader: ModelTab): Promise<void> {
	leader.run.server.deliver(Infinity);
	while (run.browser.sent.length > 0) run.browser.deliver(run.pick);
	await Promise.resolve();
}
