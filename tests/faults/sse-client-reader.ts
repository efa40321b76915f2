import { EventSource } from 'eventsource';
import type { SSEClient } from '../../src/lib/client/index.ts';
import { withCookie } from './plain-reader.ts';
import { Habit, readPage, type Page, type Reader, type ReaderParts } from './reader.ts';
import { SILENCE_MS } from './timing.ts';

type Topics = Record<string, unknown>;

/** Our own client. It promises that handlers get each event once, so this reader drops nothing. */
export class SSEClientReader implements Reader {
	readonly journal;
	readonly #parts: ReaderParts;
	readonly #Client: typeof SSEClient;
	readonly #habits: Habit[] = [];
	#client: SSEClient<Topics> | null = null;
	#lives = 0;
	#stopped = false;
	/** Breaks the connection after this many more handled events. */
	#allowance = Infinity;
	#timer: NodeJS.Timeout | undefined;

	constructor(parts: ReaderParts, Client: typeof SSEClient) {
		this.#parts = parts;
		this.#Client = Client;
		this.journal = parts.journal;
	}

	get cursor(): number {
		return Number(this.#client?.lastEventID ?? 0);
	}

	start(): void {
		const { random, habits, topics } = this.#parts;
		this.#begin(topics, null);
		if (habits.toggles) this.#habits.push(new Habit(random, 1500, 7000, () => this.#toggle()));
		if (habits.dies) this.#habits.push(new Habit(random, 8000, 20_000, () => void this.#die()));
		this.#habits.push(new Habit(random, 5000, 20_000, () => this.#break()));
	}

	settle(): void {
		for (const habit of this.#habits) habit.stop();
		clearTimeout(this.#timer);
	}

	stop(): void {
		this.settle();
		this.#stopped = true;
		this.#client?.close();
	}

	/** @param page the first state that is already shown */
	#begin(topics: readonly string[], page: Page | null): void {
		const { journal } = this;
		const { cookie } = this.#parts.user;
		journal.closeAll();
		const shownUpTo = page && Number(page.cursor);
		for (const topic of topics) journal.open(topic, shownUpTo);
		for (const { id, topic, data } of page?.events ?? []) journal.saw(topic, id, data);
		class WithCookie extends EventSource {
			constructor(url: string) {
				super(url, { fetch: withCookie(cookie) });
				journal.connections++;
			}
		}
		this.#client = new this.#Client<Topics>(`${this.#parts.origin}/api/events`, {
			topics: Object.fromEntries(topics.map((topic) => [topic, this.#handle])),
			clientID: `${journal.name}-${++this.#lives}`,
			lastEventID: page?.cursor ?? null,
			reconnectWait: 300,
			keepAliveTimeout: SILENCE_MS,
			eventSource: WithCookie,
			onGap: (gap) => journal.told(gap),
			onCaughtUp: (caughtUp) => journal.caughtUp(caughtUp),
			onSignedOut: (reason) => journal.falseAlarms.push(`signed-out ${reason}`)
		});
	}

	#handle = (data: unknown, { id, topic }: { id: string; topic: string }) => {
		this.journal.saw(topic, id, data);
		if (--this.#allowance <= 0) this.#break();
	};

	#toggle(): void {
		const { random, habits } = this.#parts;
		const topic = random.pick(habits.toggles!);
		if (!this.journal.topics.includes(topic)) {
			this.journal.open(topic);
			this.#client?.updateTopics({ addTopics: { [topic]: this.#handle } });
		} else if (random.chance(0.3)) {
			this.journal.open(topic);
			this.#client?.updateTopics({ removeTopics: [topic], addTopics: { [topic]: this.#handle } });
		} else {
			this.journal.close(topic);
			this.#client?.updateTopics({ removeTopics: [topic] });
		}
		// The connection dies during the replay.
		clearTimeout(this.#timer);
		this.#allowance = random.chance(0.4) ? random.between(1, 40) : Infinity;
		if (random.chance(0.3)) this.#timer = setTimeout(() => this.#break(), random.between(0, 150));
	}

	#break(): void {
		this.#allowance = Infinity;
		this.#client?.close();
		this.#client?.connect();
	}

	/** The page is closed, and another one is rendered and opened. */
	async #die(): Promise<void> {
		const { topics } = this.journal;
		const page = await readPage(this.#parts, topics);
		if (!page || this.#stopped) return;
		this.#client?.close();
		this.#begin(topics, page);
	}
}
