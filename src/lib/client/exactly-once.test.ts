import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';
import { ModelLog } from '../../../tests/client/model-log.ts';
import { SSEClient } from './index.ts';

type Topics = Record<'a' | 'b' | 'c', unknown>;
const TOPICS = ['a', 'b', 'c'] as const;

/** Returns a random number generator. The same seed gives the same numbers in [0, 1). */
function randomFrom(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
	};
}

/** A client, a log, and all events that can happen between them. */
class Run {
	readonly log = new ModelLog();
	/** Topic → ids that its handler has received since the topic was last added. */
	readonly seen = new Map<string, string[]>();
	readonly client: SSEClient<Topics>;
	/** A request of an earlier connection that the server has not read yet. */
	#late: DrivenEventSource | null = null;
	readonly #random: () => number;

	constructor(seed: number) {
		this.#random = randomFrom(seed);
		for (let i = this.pick(12); i > 0; i--) this.append();
		this.seen.set('a', []);
		this.client = new SSEClient<Topics>('/api/events', {
			topics: { a: this.handle },
			eventSource: DrivenEventSource,
			keepAliveTimeout: 0,
			onGap: ({ topic }) => this.seen.set(topic, [])
		});
	}

	pick(n: number): number {
		return Math.floor(this.#random() * n);
	}

	handle = (_: unknown, { id, topic }: { id: string; topic: string }) => {
		this.seen.get(topic)?.push(id);
	};

	append(): void {
		this.log.append(TOPICS[this.pick(3)]!);
	}

	toggle(): void {
		const topic = TOPICS[this.pick(3)]!;
		const asked = DrivenEventSource.last;
		if (this.seen.delete(topic)) {
			this.client.updateTopics({ removeTopics: [topic] });
		} else {
			this.seen.set(topic, []);
			this.client.updateTopics({ addTopics: { [topic]: this.handle } });
		}
		// An abandoned request reaches the server at once, later, or never.
		if (this.pick(3) === 0) this.#late = asked;
	}

	/** The server reads the newest request, and sometimes an outdated one before or after it. */
	serve(): void {
		const late = this.#late;
		this.#late = null;
		if (late && this.pick(2) === 0) this.log.accept(late);
		else this.#late = late;
		if (this.client.status === 'connecting') {
			this.log.accept(DrivenEventSource.last.open());
		}
	}

	lose(): void {
		if (this.client.status === 'idle') return;
		DrivenEventSource.last.fail(this.pick(2) === 0 ? 0 : 2);
		vi.advanceTimersByTime(30_000);
	}

	step(): void {
		const dice = this.pick(10);
		if (dice < 3) this.append();
		else if (dice < 6) this.log.deliver(1 + this.pick(4));
		else if (dice < 7) this.log.keepAlive();
		else if (dice < 8) this.toggle();
		else if (dice < 9) this.lose();
		else this.serve();
	}

	/** Delivers everything that is owed. */
	settle(): void {
		this.lose();
		if (this.client.status === 'connecting') this.log.accept(DrivenEventSource.last.open());
		this.log.deliver(Infinity);
	}

	expectEverythingOnce(): void {
		const expected = new Map([...this.seen.keys()].map((topic) => [topic, this.log.ids(topic)]));
		expect(this.seen).toEqual(expected);
	}
}

beforeEach(() => {
	vi.useFakeTimers();
	DrivenEventSource.all = [];
});
afterEach(() => {
	vi.useRealTimers();
});

describe('every event exactly once, in order', () => {
	it('whatever is appended, toggled, cut and delayed, in 500 random runs', () => {
		for (let seed = 1; seed <= 500; seed++) {
			const run = new Run(seed);
			for (let i = 0; i < 80; i++) run.step();
			run.settle();
			try {
				run.expectEverythingOnce();
			} catch (cause) {
				throw new Error(`seed ${seed}`, { cause });
			} finally {
				run.client.close();
			}
		}
	});

	it('also after the log was restored to an earlier state, when the view starts over at the gap', () => {
		for (let seed = 1; seed <= 300; seed++) {
			const run = new Run(seed);
			for (let i = 0; i < 40; i++) run.step();
			// The client knows which log its cursor belongs to only after it has caught up.
			while (run.seen.size === 0) run.toggle();
			run.settle();
			run.log.restore(run.pick(run.log.head + 1));
			for (let i = run.pick(6); i > 0; i--) run.append();
			run.lose();
			for (let i = 0; i < 40; i++) run.step();
			run.settle();
			try {
				run.expectEverythingOnce();
			} catch (cause) {
				throw new Error(`seed ${seed}`, { cause });
			} finally {
				run.client.close();
			}
		}
	});

	it("after a cut behind each single block of a new topic's replay", () => {
		for (let blocks = 0; blocks <= 12; blocks++) {
			const run = new Run(1);
			while (run.log.ids('b').length < 6) run.append();
			run.serve();
			run.log.deliver(Infinity);
			run.seen.set('b', []);
			run.client.updateTopics({ addTopics: { b: run.handle } });
			run.serve();
			run.append();
			run.log.deliver(blocks);
			run.settle();
			run.expectEverythingOnce();
			run.client.close();
		}
	});
});
