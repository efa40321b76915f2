import {
	CONTROL,
	type Denied,
	type Gap,
	type Subscribed
} from '../../../src/lib/protocol/index.ts';
import { EventStream, type Block } from '../event-stream.ts';
import { Habit } from '../reader.ts';
import { addressOf, type ClientParts, type RoomClient } from './client.ts';

/**
 * A client written by hand, with the cursor of a native EventSource: the id of every block, and nothing else. It writes down
 * everything that arrives.
 */
export class RawClient implements RoomClient {
	readonly journal;
	readonly #parts: ClientParts;
	readonly #habits: Habit[] = [];
	/** Name → how many times it was added before. */
	readonly #names = new Map<string, number>();
	readonly #added = new Map<string, number>();
	#cursor: string | null = null;
	#stream: EventStream | null = null;
	#timer: NodeJS.Timeout | undefined;
	#stopped = false;

	constructor(parts: ClientParts) {
		this.#parts = parts;
		this.journal = parts.journal;
		for (const name of parts.names) this.#add(name, 0);
		this.#ask(parts.names);
	}

	get cursor(): number {
		return Number(this.#cursor ?? 0);
	}

	start(): void {
		const { random, proxy, toggles } = this.#parts;
		this.#connect();
		this.#habits.push(
			new Habit(random, 400, 6000, () => this.#break()),
			// At any byte, often within a frame.
			new Habit(random, 300, 5000, () => proxy.cutAfter(random.between(1, 9000))),
			new Habit(random, 2000, 12_000, () => this.#stream?.pause(random.between(50, 2500)))
		);
		if (toggles.length > 0) this.#habits.push(new Habit(random, 1000, 5000, () => this.#toggle()));
	}

	settle(): void {
		for (const habit of this.#habits) habit.stop();
		this.#parts.proxy.cutAfter(Infinity);
		this.#stream?.resume();
	}

	stop(): void {
		this.settle();
		this.#stopped = true;
		clearTimeout(this.#timer);
		this.#stream?.close();
	}

	#add(name: string, n: number): void {
		this.#added.set(name, n);
		this.#names.set(name, n);
	}

	#ask(fresh: readonly string[]): void {
		this.journal.note({
			kind: 'asks',
			names: new Map(this.#names),
			fresh: new Set(fresh),
			cursor: this.cursor
		});
	}

	#connect(): void {
		if (this.#stopped) return;
		clearTimeout(this.#timer);
		this.#stream?.close();
		const { proxy, user, heads } = this.#parts;
		const { client } = this.journal;
		const query = new URLSearchParams(client === '' ? {} : { client });
		for (const [name, n] of this.#names) query.append('topics', n === 0 ? name : `${name}@${n}`);
		const headers: Record<string, string> = { cookie: user.cookie };
		if (this.#cursor !== null) headers['last-event-id'] = this.#cursor;
		this.journal.note({ kind: 'connects', cursor: this.cursor, low: heads.low });
		this.#stream = new EventStream(`${addressOf(proxy)}?${query}`, headers, {
			onStatus: (status, body) => {
				if (status !== 200 && status !== 503) this.journal.falseAlarms.push(`${status} ${body}`);
			},
			onBlock: (block) => this.#take(block),
			onEnd: () => this.#later()
		});
	}

	#later(): void {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => this.#connect(), this.#parts.random.between(20, 300));
	}

	#break(): void {
		this.#stream?.close();
		this.#later();
	}

	#take({ id, event, data }: Block): void {
		const { journal } = this;
		const at = this.#parts.heads.ticket();
		if (id !== null) this.#cursor = id;
		if (data !== null && event === CONTROL.denied) {
			const { topic, reason } = JSON.parse(data) as Denied;
			journal.note({ kind: 'denied', topic, reason, at });
		} else if (data !== null && event === CONTROL.subscribed) {
			journal.note({ kind: 'subscribed', topic: (JSON.parse(data) as Subscribed).topic, at });
		} else if (data !== null && event === CONTROL.gap) {
			const { topic, after } = JSON.parse(data) as Gap;
			journal.note({ kind: 'gap', topic, after: Number(after), at, time: Date.now() });
		} else if (data !== null && event === CONTROL.signedOut) {
			journal.falseAlarms.push(`${event} ${data}`);
		} else if (event === CONTROL.caughtUp) journal.caughtUpAt = performance.now();
		else if (data !== null && id !== null && event !== CONTROL.keepAlive) {
			const { tag } = JSON.parse(data) as { tag: string };
			journal.note({ kind: 'event', topic: event, id: Number(id), tag, at });
			return;
		}
		if (id !== null) journal.note({ kind: 'cursor', id: Number(id), at });
	}

	/** Removes a name, or adds it again. Sometimes both at once: then no request without it is sent. */
	#toggle(): void {
		const { random, toggles } = this.#parts;
		const name = random.pick(toggles);
		const isThere = this.#names.has(name);
		if (isThere && random.chance(0.5)) {
			this.#names.delete(name);
			this.#ask([]);
		} else {
			// Never 0: that would mean that the page shows the history already.
			this.#add(name, (this.#added.get(name) ?? 0) + 1);
			this.#ask([name]);
		}
		this.#connect();
	}
}
