import { EventSource } from 'eventsource';
import { CONTROL, type CaughtUp, type Gap } from '../../src/lib/protocol/index.ts';
import type { Reader, ReaderParts } from './reader.ts';

/**
 * npm `eventsource`, used in the usual way: bare topic names and its own reconnection. The reader only creates another one
 * when it gives up (an HTTP error), and drops events with known ids.
 */
export class PlainReader implements Reader {
	readonly journal;
	readonly #parts: ReaderParts;
	readonly #handled = new Set<string>();
	#source: EventSource | null = null;
	#cursor = '';
	#timer: NodeJS.Timeout | undefined;
	#stopped = false;

	constructor(parts: ReaderParts) {
		this.#parts = parts;
		this.journal = parts.journal;
		for (const topic of parts.topics) this.journal.open(topic);
	}

	get cursor(): number {
		return Number(this.#cursor);
	}

	start(): void {
		const query = new URLSearchParams({ client: this.journal.name });
		for (const topic of this.#parts.topics) query.append('topics', topic);
		if (this.#cursor) query.set('lastEventID', this.#cursor);
		const source = new EventSource(`${this.#parts.origin}/api/events?${query}`, {
			fetch: withCookie(this.#parts.user.cookie)
		});
		this.#source = source;
		source.addEventListener('open', () => this.journal.connections++);
		source.addEventListener('error', () => {
			if (source.readyState !== EventSource.CLOSED || this.#stopped) return;
			clearTimeout(this.#timer);
			this.#timer = setTimeout(() => this.start(), this.#parts.random.between(50, 500));
		});
		for (const topic of this.#parts.topics) {
			source.addEventListener(topic, (event) => {
				this.#moveTo(event.lastEventId);
				if (this.#handled.has(event.lastEventId)) return;
				this.#handled.add(event.lastEventId);
				this.journal.received(topic, event.lastEventId, String(event.data));
			});
		}
		source.addEventListener(CONTROL.keepAlive, (event) => this.#moveTo(event.lastEventId));
		source.addEventListener(CONTROL.caughtUp, (event) => {
			this.#moveTo(event.lastEventId);
			this.journal.caughtUp(JSON.parse(String(event.data)) as CaughtUp);
		});
		source.addEventListener(CONTROL.gap, (event) => {
			this.journal.told(JSON.parse(String(event.data)) as Gap);
		});
		source.addEventListener(CONTROL.signedOut, (event) => {
			this.journal.falseAlarms.push(`signed-out ${String(event.data)}`);
		});
	}

	settle(): void {
		// It has no habits.
	}

	stop(): void {
		this.#stopped = true;
		clearTimeout(this.#timer);
		this.#source?.close();
	}

	#moveTo(id: string): void {
		if (id) this.#cursor = id;
	}
}

/** Node's fetch stores no cookies. */
export function withCookie(cookie: string) {
	return (url: string | URL, init: { headers: Record<string, string> }) =>
		fetch(url, { ...init, headers: { ...init.headers, cookie } });
}
