import { CONTROL, type CaughtUp, type Gap } from '../../src/lib/protocol/index.ts';
import { EventStream, type Block } from './event-stream.ts';
import { Habit, readPage, type Reader, type ReaderParts } from './reader.ts';

/**
 * A client written by hand. It keeps its cursor as in the HTML standard, counts how many times it has added each topic,
 * drops events with known ids, and reconnects by itself.
 */
export class RawReader implements Reader {
	readonly journal;
	stalled = false;
	readonly #parts: ReaderParts;
	readonly #habits: Habit[] = [];
	/** Topic → how many times it was added, and the ids handled since then. */
	readonly #topics = new Map<string, { n: number; handled: Set<string> }>();
	readonly #added = new Map<string, number>();
	#client: string;
	#lives = 1;
	#cursor: string | null = null;
	#stream: EventStream | null = null;
	#timer: NodeJS.Timeout | undefined;
	#stopped = false;
	/** Breaks the connection after this many more events. */
	#allowance = Infinity;
	/** Timer of the running habit. */
	#soon: NodeJS.Timeout | undefined;
	#late: NodeJS.Timeout | undefined;
	#nobodys: EventStream | null = null;
	/**
	 * State of the open connection: the cursor it began with, whether its cursor is now behind that one, and the last id of
	 * each topic.
	 */
	#began = 0;
	#behind: string | null = null;
	#wire = new Map<string, number>();

	constructor(parts: ReaderParts) {
		this.#parts = parts;
		this.journal = parts.journal;
		this.journal.mayGoBack = true;
		this.#client = `${parts.journal.name}-1`;
		for (const topic of parts.topics) this.#add(topic, 0);
	}

	get cursor(): number {
		return Number(this.#cursor ?? 0);
	}

	start(): void {
		const { random, habits } = this.#parts;
		this.#connect();
		if (habits.toggles) this.#habits.push(new Habit(random, 1500, 7000, () => this.#toggle()));
		if (habits.dies) this.#habits.push(new Habit(random, 8000, 20_000, () => void this.#die()));
		if (habits.pauses) {
			this.#habits.push(
				new Habit(random, 500, 6000, () => this.#stream?.pause(random.between(100, 9000)))
			);
		}
	}

	/**
	 * Stops reading from the socket until `resume`.
	 *
	 * @returns false when it has no socket
	 */
	stall(): boolean {
		this.stalled = this.#stream?.pause(60_000) ?? false;
		return this.stalled;
	}

	resume(): void {
		this.stalled = false;
		this.#stream?.resume();
	}

	settle(): void {
		for (const habit of this.#habits) habit.stop();
		clearTimeout(this.#soon);
		clearTimeout(this.#late);
		this.#nobodys?.close();
		this.resume();
	}

	stop(): void {
		this.settle();
		this.#stopped = true;
		clearTimeout(this.#timer);
		this.#stream?.close();
	}

	#add(topic: string, n: number, shownUpTo: number | null = null): void {
		this.#added.set(topic, n);
		this.#topics.set(topic, { n, handled: new Set() });
		this.journal.open(topic, shownUpTo);
	}

	#url(): string {
		const query = new URLSearchParams({ client: this.#client });
		for (const [topic, { n }] of this.#topics) query.append('topics', `${topic}@${n}`);
		return `${this.#parts.origin}/api/events?${query}`;
	}

	#connect(): void {
		if (this.#stopped) return;
		clearTimeout(this.#timer);
		this.#stream?.close();
		this.journal.connects(this.cursor);
		this.#began = this.cursor;
		this.#behind = null;
		this.#wire = new Map();
		this.#stream = new EventStream(this.#url(), this.#headers(), {
			onStatus: (status, body) => this.#answered(status, body),
			onBlock: (block) => this.#take(block),
			onEnd: () => this.#later()
		});
	}

	#headers(): Record<string, string> {
		const { cookie } = this.#parts.user;
		return this.#cursor === null ? { cookie } : { cookie, 'last-event-id': this.#cursor };
	}

	/** @param ms the longest that it waits before it connects, in milliseconds */
	#later(ms = 300): void {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => this.#connect(), this.#parts.random.between(20, ms));
	}

	#answered(status: number, body: string): void {
		if (status !== 200 && status !== 503) this.journal.falseAlarms.push(`${status} ${body}`);
	}

	#take({ id, event, data }: Block): void {
		if (this.#behind !== null && !(data === null && Number(id) >= this.#began)) {
			this.journal.cursorsMovedBack.push(`to ${this.#behind} from ${this.#began}`);
		}
		if (id !== null) this.#cursor = id;
		this.#behind = this.cursor < this.#began ? this.#cursor : null;
		if (data === null) return;
		if (event === CONTROL.caughtUp) this.journal.caughtUp(JSON.parse(data) as CaughtUp);
		else if (event === CONTROL.gap) this.#passGap(JSON.parse(data) as Gap);
		else if (event === CONTROL.signedOut) this.journal.falseAlarms.push(`${event} ${data}`);
		const topic = this.#topics.get(event);
		if (!topic || id === null) return;
		if (Number(id) <= (this.#wire.get(event) ?? 0))
			this.journal.disorder.push(`${event} ${id} on one connection`);
		this.#wire.set(event, Number(id));
		if (!topic.handled.has(id)) {
			topic.handled.add(id);
			this.journal.received(event, id, data);
		}
		if (--this.#allowance <= 0) this.#break();
	}

	#passGap(gap: Gap): void {
		this.journal.told(gap);
		// After a loss, the cursor is correctly set back to before the lost events.
		if (gap.lost !== undefined) this.#began = Math.min(this.#began, Number(gap.after));
	}

	#toggle(): void {
		const { random, habits } = this.#parts;
		const topic = random.pick(habits.toggles!);
		const before = this.#url();
		if (!this.#topics.has(topic)) {
			// Never 0: the first request of the page may not have arrived, and 0 would mean that the page shows the topic's
			// history.
			this.#add(topic, (this.#added.get(topic) ?? 0) + 1);
		} else if (random.chance(0.3)) {
			// Removed and added again at once: no request without the topic is sent.
			this.#add(topic, this.#added.get(topic)! + 1);
		} else {
			this.#topics.delete(topic);
			this.journal.close(topic);
		}
		const headers = this.#headers();
		this.#connect();
		// An abandoned request that arrives later than the request that followed it.
		if (random.chance(0.2)) this.#sendLate(before, headers, random.between(0, 100));
		// The connection dies during the replay.
		clearTimeout(this.#soon);
		this.#allowance = random.chance(0.4) ? random.between(1, 40) : Infinity;
		if (random.chance(0.3)) this.#soon = setTimeout(() => this.#break(), random.between(0, 150));
	}

	/** Sends a request whose response nobody reads. */
	#sendLate(url: string, headers: Record<string, string>, delay: number): void {
		clearTimeout(this.#late);
		this.#late = setTimeout(() => {
			this.#nobodys?.close();
			this.#nobodys = new EventStream(url, headers, {
				onStatus: () => {},
				onBlock: () => {},
				onEnd: () => {}
			});
		}, delay);
	}

	#break(): void {
		this.#allowance = Infinity;
		this.#stream?.close();
		this.#later();
	}

	/** The client is gone with its whole state. Another one begins with the first state of a page. */
	async #die(): Promise<void> {
		const topics = [...this.#topics.keys()];
		if (topics.length === 0) return;
		const page = await readPage(this.#parts, topics);
		if (!page || this.#stopped) return;
		clearTimeout(this.#timer);
		this.#stream?.close();
		this.journal.closeAll();
		this.#topics.clear();
		this.#added.clear();
		this.#client = `${this.journal.name}-${++this.#lives}`;
		for (const topic of topics) this.#add(topic, 0, Number(page.cursor));
		for (const { id, topic, data } of page.events) {
			this.#topics.get(topic)!.handled.add(id);
			this.journal.saw(topic, id, data);
		}
		this.#cursor = page.cursor;
		// Its stream may open long after it was rendered. It may have added a topic by then.
		if (this.#parts.random.chance(0.3)) this.#later(9000);
		else this.#connect();
	}
}
