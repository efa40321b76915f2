/** The part of the standard EventSource that the client needs. Polyfills have it too. */
export interface EventSourceLike {
	readonly readyState: number;
	addEventListener(type: string, listener: (event: Event) => void): void;
	close(): void;
}

export type EventSourceConstructor = new (url: string) => EventSourceLike;

/** `readyState` of an EventSource that will not retry by itself. */
const CLOSED = 2;

export interface SourceEvents {
	onOpen(): void;
	onEvent(name: string, id: string, data: string): void;
	/**
	 * The connection is lost, for any reason. Called once. The connection is closed by then.
	 *
	 * @param refused true when the server responded, but not with a stream: an EventSource then gives up for good
	 */
	onLost(reason: string | null, refused: boolean): void;
}

/**
 * One EventSource from its start to its first failure. It must not reconnect by itself: it would use its first address
 * again, with an old epoch and cursor. After an HTTP error it would not retry at all.
 */
export class Source {
	readonly #source: EventSourceLike;
	readonly #events: SourceEvents;
	readonly #names = new Set<string>();
	#closed = false;
	#openedAt: number | null = null;

	/** @throws the error of the constructor, for an invalid address */
	constructor(
		EventSource: EventSourceConstructor,
		url: string,
		names: Iterable<string>,
		events: SourceEvents
	) {
		this.#source = new EventSource(url);
		this.#events = events;
		// A topic may be named "open" or "error". Events of the stream have data; the EventSource's own events have none.
		this.#source.addEventListener('open', (event) => {
			if (this.#closed || isMessage(event)) return;
			this.#openedAt = Date.now();
			events.onOpen();
		});
		this.#source.addEventListener('error', (event) => {
			if (this.#closed || isMessage(event)) return;
			const refused = this.#source.readyState === CLOSED;
			this.close();
			const reason = 'message' in event && typeof event.message === 'string' ? event.message : null;
			events.onLost(reason, refused);
		});
		for (const name of names) this.listen(name);
	}

	/** Reports events of this name from now on, also those that have arrived in the same chunk. */
	listen(name: string): void {
		if (this.#names.has(name)) return;
		this.#names.add(name);
		this.#source.addEventListener(name, (event) => {
			if (this.#closed || !isMessage(event)) return;
			this.#events.onEvent(name, event.lastEventId, event.data);
		});
	}

	/** Milliseconds since it opened. null: it has not opened. */
	get age(): number | null {
		return this.#openedAt === null ? null : Date.now() - this.#openedAt;
	}

	/** Closes it. From now on nothing is reported, not even events that have arrived already. */
	close(): void {
		this.#closed = true;
		this.#source.close();
	}
}

/** @returns true for an event of the stream; false for one of the EventSource itself, whatever its name */
export function isMessage(event: Event): event is MessageEvent<string> {
	return 'data' in event && typeof event.data === 'string';
}
