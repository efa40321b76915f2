import { describe, expect, it, vi } from 'vitest';
import { TabsRun } from '../../../../tests/client/tabs-run.ts';
import { pass, useModelTime } from '../../../../tests/client/two-tabs.ts';

useModelTime();

describe('tabs that share a connection', () => {
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
});
