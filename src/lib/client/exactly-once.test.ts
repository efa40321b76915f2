import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';
import { RandomRun } from '../../../tests/client/random-run.ts';

beforeEach(() => {
	vi.useFakeTimers();
	DrivenEventSource.all = [];
});
afterEach(() => {
	vi.useRealTimers();
	vi.restoreAllMocks();
});

function expectEverythingOnce(run: RandomRun): void {
	run.settle();
	expect(run.received()).toEqual(run.expected());
	run.client.close();
}

/** Does runs with the seeds 1 to n. Fails with the seed of the first run that fails. */
function inRuns(n: number, body: (run: RandomRun) => void): void {
	// An error of a handler is reported here.
	const report = vi.spyOn(console, 'error').mockImplementation(() => {});
	for (let seed = 1; seed <= n; seed++) {
		try {
			const run = new RandomRun(seed);
			body(run);
			expectEverythingOnce(run);
			expect(report.mock.calls).toEqual([]);
		} catch (cause) {
			throw new Error(`seed ${seed}`, { cause });
		}
	}
}

describe('every event exactly once, in order', () => {
	it('whatever is appended, toggled, cut and delayed, in 500 random runs', () => {
		const denials = new Set<string>();
		inRuns(500, (run) => {
			for (let i = 0; i < 120; i++) run.step();
			for (const reason of run.denials) denials.add(reason);
		});
		expect([...denials].sort()).toEqual(['forbidden', 'revoked', 'too_many', 'unknown']);
	});

	it('also after the log was restored to an earlier state, when the view starts over at the gap', () => {
		inRuns(300, (run) => {
			for (let i = 0; i < 40; i++) run.step();
			// The client knows which log its cursor belongs to only after it has caught up.
			while (run.seen.size === 0) run.toggle();
			run.settle();
			run.server.restore(run.pick(run.log.head + 1));
			for (let i = run.pick(6); i > 0; i--) run.append();
			run.lose();
			for (let i = 0; i < 40; i++) run.step();
		});
	});

	it("after a cut behind each single block of a new topic's replay", () => {
		for (let blocks = 0; blocks <= 12; blocks++) {
			const run = new RandomRun(1, ['a']);
			while (run.log.ids('b').length < 6) run.append();
			run.serve();
			run.server.deliver(Infinity);
			run.toggle('b');
			run.serve();
			run.append();
			run.server.deliver(blocks);
			expectEverythingOnce(run);
		}
	});

	it('after a cut behind each single block while a room is closed and opened again', () => {
		for (let blocks = 0; blocks <= 16; blocks++) {
			const run = new RandomRun(1, ['a', 'rooms/*/x', 'rooms/2/x']);
			const rooms = ['rooms/1/x', 'rooms/2/x'];
			for (const room of rooms) run.log.grant(room);
			for (let i = 0; i < 6; i++) run.append([...rooms, 'a']);
			run.serve();
			run.server.deliver(Infinity);
			for (const room of rooms) run.log.revoke(room);
			for (const topic of [...rooms, 'a']) run.append([topic]);
			for (const room of rooms) run.log.grant(room);
			for (const topic of [...rooms, 'a']) run.append([topic]);
			run.server.deliver(blocks);
			expectEverythingOnce(run);
		}
	});
});
